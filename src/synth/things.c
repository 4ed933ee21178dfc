/* SPDX-License-Identifier: Apache-2.0
 *
 * Single things in front of the ground: faces, animals, cars, screens, bottles, plates, long thin things,
 * blobs. */
#include "subject.h"

#include <math.h>

/* A lit body with a shadow under it. */
static void body(scene *s, double x, double y, double rx, double ry, double rough, colour c)
{
    double away = ry * 0.25;
    disc(s, x - cos(s->place.light) * away, y - sin(s->place.light) * away, rx, ry, 0, (colour){0, 0, 0},
         0.1 + s->place.shadow * 0.5);
    blob_path(s, x, y, rx, ry, rough);
    fill_lit(s, c, x, y, fmax(rx, ry));
}

static void draw_blobs(scene *s)
{
    int count = 1 + choose(s, 9);
    double rough = uniform(s, 0, 0.45), size = s->side * uniform(s, 0.2, 0.55) / sqrt(count);
    for (int i = 0; i < count; i++) {
        double r = size * uniform(s, 0.6, 1.2);
        body(s, s->width * uniform(s, 0.15, 0.85), s->height * uniform(s, 0.15, 0.85), r,
             r * uniform(s, 0.6, 1.4), rough, any_paint(s));
    }
}

static void draw_face(scene *s)
{
    double r = s->side * uniform(s, 0.15, 0.42), x = s->width * uniform(s, 0.3, 0.7),
           y = s->height * uniform(s, 0.3, 0.55);
    colour hair = hsv(uniform(s, 10, 50), uniform(s, 0, 0.6), uniform(s, 0.05, 0.7)), shirt = any_paint(s);
    body(s, x, y + r * 2.3, r * 1.9, r * 1.4, 0.05, shirt);
    box(s, x - r * 0.35, y + r * 0.5, r * 0.7, r * 0.8, shade(s->skin, 0.85));
    body(s, x, y - r * 0.25, r * 1.08, r * 1.15, 0.1, hair);
    body(s, x, y, r * 0.82, r * 1.05, 0.03, s->skin);
    for (int side = -1; side <= 1; side += 2) {
        disc(s, x + side * r * 0.34, y - r * 0.15, r * 0.17, r * 0.1, 0, (colour){0.95, 0.95, 0.95}, 1);
        disc(s, x + side * r * 0.34, y - r * 0.15, r * 0.08, r * 0.08, 0, hsv(uniform(s, 20, 220), 0.6, 0.25),
             1);
        line(s, x + side * r * 0.16, y - r * 0.36, x + side * r * 0.52, y - r * 0.38, r * 0.07, hair, 1);
    }
    line(s, x, y, x + r * 0.08, y + r * 0.25, r * 0.06, shade(s->skin, 0.75), 1);
    disc(s, x, y + r * 0.52, r * 0.28, r * uniform(s, 0.04, 0.14), 0, (colour){0.65, 0.25, 0.25}, 1);
}

static void draw_animal(scene *s)
{
    double size = s->side * uniform(s, 0.2, 0.42), x = s->width * 0.5, y = s->height * uniform(s, 0.4, 0.6);
    colour fur =
        chance(s, 0.4) ? any_paint(s) : hsv(uniform(s, 15, 45), uniform(s, 0, 0.6), uniform(s, 0.1, 0.9));
    double leg = size * uniform(s, 0.4, 1.2), fat = uniform(s, 0.45, 0.75), way = chance(s, 0.5) ? 1 : -1;
    for (int i = 0; i < 4; i++) {
        double at = x + size * (i < 2 ? -0.65 : 0.65) + size * 0.15 * (i % 2);
        spine p =
            spine_make(at, y, M_PI / 2 + uniform(s, -0.2, 0.2), size * fat + leg, uniform(s, -0.2, 0.2), 0);
        draw_stem(s, &p, size * 0.13, size * 0.09, shade(fur, i % 2 ? 0.8 : 0.6));
    }
    spine tail = spine_make(x - way * size * 0.9, y, way > 0 ? M_PI * 0.9 : 0.1 * M_PI,
                            size * uniform(s, 0.4, 1), uniform(s, -2, 2), 0);
    draw_stem(s, &tail, size * 0.09, size * 0.04, shade(fur, 0.8));
    body(s, x, y, size, size * fat, 0.06, fur);
    int spots = chance(s, 0.4) ? 8 : 0;
    for (int i = 0; i < spots; i++)
        disc(s, x + uniform(s, -0.7, 0.7) * size, y + uniform(s, -0.6, 0.6) * size * fat, size * 0.13,
             size * 0.1, uniform(s, 0, 3), shade(fur, chance(s, 0.5) ? 0.4 : 1.8), 0.9);
    double hx = x + way * size * 1.05, hy = y - size * uniform(s, 0.1, 0.8),
           hr = size * uniform(s, 0.35, 0.5);
    for (int side = -1; side <= 1; side += 2)
        disc(s, hx + side * hr * 0.55, hy - hr * 0.9, hr * 0.22, hr * uniform(s, 0.3, 0.6), side * 0.3,
             shade(fur, 0.7), 1);
    body(s, hx, hy, hr, hr * 0.9, 0.05, fur);
    disc(s, hx + way * hr * 0.7, hy + hr * 0.25, hr * 0.5, hr * 0.35, 0, shade(fur, 0.9), 1);
    disc(s, hx + way * hr * 1.1, hy + hr * 0.15, hr * 0.12, hr * 0.1, 0, (colour){0.08, 0.06, 0.06}, 1);
    disc(s, hx + way * hr * 0.25, hy - hr * 0.2, hr * 0.11, hr * 0.11, 0, (colour){0.05, 0.05, 0.05}, 1);
}

static void draw_car(scene *s)
{
    double w = s->side * uniform(s, 0.5, 0.85), h = w * uniform(s, 0.2, 0.3);
    double x = (s->width - w) / 2, y = s->height * uniform(s, 0.45, 0.7);
    colour paint = any_paint(s), glass = hsv(210, 0.2, uniform(s, 0.2, 0.7));
    disc(s, x + w / 2, y + h * 1.25, w * 0.55, h * 0.22, 0, (colour){0, 0, 0}, 0.4);
    quad(s,
         (double[]){x + w * 0.2, y, x + w * 0.32, y - h * 0.75, x + w * 0.7, y - h * 0.75, x + w * 0.86, y},
         shade(paint, 0.9));
    quad(s, (double[]){x + w * 0.25, y, x + w * 0.35, y - h * 0.6, x + w * 0.5, y - h * 0.6, x + w * 0.5, y},
         glass);
    quad(s, (double[]){x + w * 0.53, y, x + w * 0.53, y - h * 0.6, x + w * 0.68, y - h * 0.6, x + w * 0.8, y},
         glass);
    cairo.rectangle(s->cairo, x, y, w, h);
    fill_lit(s, paint, x + w / 2, y + h / 2, h);
    line(s, x, y + h * 0.5, x + w, y + h * 0.5, h * 0.04, shade(paint, 0.5), 1);
    box(s, x + w * 0.95, y + h * 0.2, w * 0.05, h * 0.2, (colour){1, 0.95, 0.7});
    for (int i = 0; i < 2; i++) {
        double wx = x + w * (i ? 0.78 : 0.22);
        disc(s, wx, y + h, h * 0.42, h * 0.42, 0, (colour){0.07, 0.07, 0.07}, 1);
        disc(s, wx, y + h, h * 0.22, h * 0.22, 0, (colour){0.7, 0.7, 0.72}, 1);
    }
}

/* A monitor or phone that shows bars, windows, a picture. */
static void draw_screen(scene *s)
{
    bool phone = chance(s, 0.4);
    double h = s->side * uniform(s, 0.4, 0.8), w = phone ? h * 0.5 : h * 1.4;
    double x = (s->width - w) * uniform(s, 0.3, 0.7), y = (s->height - h) * uniform(s, 0.2, 0.6);
    colour back = chance(s, 0.5) ? any_paint(s) : hsv(220, 0.15, uniform(s, 0.08, 1));
    box(s, x - w * 0.04, y - w * 0.04, w * 1.08, h + w * 0.08, (colour){0.06, 0.06, 0.07});
    box(s, x, y, w, h, back);
    box(s, x, y, w, h * 0.07, shade(back, 0.6));
    int windows = 2 + choose(s, 4);
    for (int i = 0; i < windows; i++) {
        double wx = x + w * uniform(s, 0.03, 0.5), wy = y + h * uniform(s, 0.1, 0.6),
               ww = w * uniform(s, 0.2, 0.45);
        colour pane = mix(back, (colour){1, 1, 1}, uniform(s, 0.2, 0.9));
        box(s, wx, wy, ww, h * 0.32, pane);
        for (int row = 0; row < 6; row++)
            box(s, wx + ww * 0.06, wy + h * (0.03 + 0.045 * row), ww * uniform(s, 0.3, 0.85), h * 0.018,
                shade(pane, 0.5));
    }
    for (int i = 0; i < 6 && chance(s, 0.8); i++)
        box(s, x + w * (0.55 + 0.06 * i), y + h * 0.9, w * 0.045, -h * uniform(s, 0.05, 0.35), any_paint(s));
    if (!phone) {
        box(s, x + w * 0.44, y + h + w * 0.04, w * 0.12, h * 0.12, (colour){0.25, 0.25, 0.27});
        disc(s, x + w / 2, y + h * 1.16 + w * 0.04, w * 0.22, h * 0.04, 0, (colour){0.2, 0.2, 0.22}, 1);
    }
}

static void draw_bottles(scene *s)
{
    int count = 1 + choose(s, 5);
    for (int i = 0; i < count; i++) {
        double h = s->side * uniform(s, 0.4, 0.75), w = h * uniform(s, 0.12, 0.3);
        double x = s->width * (i + 0.5) / count, y = s->height * uniform(s, 0.85, 0.95),
               neck = uniform(s, 0.2, 1);
        colour c = any_paint(s);
        disc(s, x - cos(s->place.light) * w, y, w * 1.2, w * 0.25, 0, (colour){0, 0, 0}, 0.3);
        cairo.move_to(s->cairo, x - w, y);
        cairo.line_to(s->cairo, x - w, y - h * 0.6);
        cairo.curve_to(s->cairo, x - w, y - h * 0.75, x - w * neck, y - h * 0.75, x - w * neck, y - h);
        cairo.line_to(s->cairo, x + w * neck, y - h);
        cairo.curve_to(s->cairo, x + w * neck, y - h * 0.75, x + w, y - h * 0.75, x + w, y - h * 0.6);
        cairo.line_to(s->cairo, x + w, y);
        cairo.close_path(s->cairo);
        fill_lit(s, c, x, y - h / 2, w);
        line(s, x - w * 0.6, y - h * 0.1, x - w * 0.6, y - h * 0.6, w * 0.15, (colour){1, 1, 1}, 0.35);
        if (chance(s, 0.6))
            box(s, x - w, y - h * 0.5, 2 * w, h * 0.3, any_paint(s));
    }
}

static void draw_plate(scene *s)
{
    double r = s->side * uniform(s, 0.3, 0.5), x = s->width / 2, y = s->height / 2, tilt = uniform(s, 0.6, 1);
    colour china = hsv(uniform(s, 0, 360), uniform(s, 0, 0.15), uniform(s, 0.75, 1));
    body(s, x, y, r, r * tilt, 0, china);
    disc(s, x, y, r * 0.75, r * 0.75 * tilt, 0, shade(china, 0.93), 1);
    int bites = 6 + choose(s, 20);
    for (int i = 0; i < bites; i++) {
        double a = uniform(s, 0, 2 * M_PI), d = r * 0.6 * sqrt(uniform(s, 0, 1)),
               size = r * uniform(s, 0.06, 0.25);
        colour food = chance(s, 0.5) ? any_paint(s)
                                     : hsv(uniform(s, 0, 50), uniform(s, 0.4, 0.9), uniform(s, 0.4, 0.9));
        body(s, x + cos(a) * d, y + sin(a) * d * tilt, size, size * 0.8, 0.3, food);
    }
}

/* Pens, pipes, cables, ribbons, planks: long as a blade is, but untapered, unfolded, without veins. */
static void draw_sticks(scene *s)
{
    int count = 1 + choose(s, 9);
    double width = s->side * uniform(s, 0.008, 0.12), angle = uniform(s, 0, 2 * M_PI),
           reach = hypot(s->width, s->height);
    bool flat = chance(s, 0.4);
    double curl = chance(s, 0.5) ? uniform(s, -2.5, 2.5) : 0;
    for (int i = 0; i < count; i++) {
        double a = angle + uniform(s, -0.6, 0.6), length = reach * uniform(s, 0.5, 1.4);
        double x = s->width * uniform(s, 0.2, 0.8), y = s->height * uniform(s, 0.2, 0.8);
        spine p = spine_make(x - cos(a) * length / 2, y - sin(a) * length / 2, a, length, curl, 0);
        colour c = any_paint(s);
        double half[SPINE_POINTS];
        for (int k = 0; k < SPINE_POINTS; k++)
            half[k] = width;
        cairo.save(s->cairo);
        cairo.translate(s->cairo, -cos(s->place.light) * width, -sin(s->place.light) * width);
        strip_path(s, &p, half, -1, 1);
        use(s, (colour){0, 0, 0}, 0.1 + s->place.shadow * 0.6);
        cairo.fill(s->cairo);
        cairo.restore(s->cairo);
        if (flat) {
            strip_path(s, &p, half, -1, 1);
            fill_lit(s, c, x, y, length / 2);
            for (int k = 1; k < SPINE_POINTS && chance(s, 0.7); k++)
                line(s, p.x[k] + p.nx[k] * width, p.y[k] + p.ny[k] * width, p.x[k] + p.nx[k] * width * 0.4,
                     p.y[k] + p.ny[k] * width * 0.4, fmax(0.6, width * 0.08), (colour){0.1, 0.1, 0.1}, 0.8);
        } else {
            draw_stem(s, &p, width, width, c);
        }
    }
}

void draw_thing(scene *s)
{
    static void (*const things[])(scene *) = {draw_blobs,   draw_face,  draw_animal, draw_car,    draw_screen,
                                              draw_bottles, draw_plate, draw_sticks, draw_sticks, draw_blobs};
    things[choose(s, 10)](s);
}
