/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole views: rooms, streets, landscapes, trees, and the bare ground of the place with nothing on it. */
#include "subject.h"

#include <math.h>

static colour tinted(scene *s, colour base, double share)
{
    return mix(base, any_paint(s), share);
}

static void draw_window(scene *s, double x, double y, double w, double h)
{
    box(s, x, y, w, h, (colour){0.95, 0.95, 0.93});
    box(s, x + w * 0.06, y + h * 0.05, w * 0.88, h * 0.9,
        mix(s->leaf[2], hsv(205, 0.25, 0.95), uniform(s, 0.2, 1)));
    box(s, x + w * 0.47, y, w * 0.06, h, (colour){0.95, 0.95, 0.93});
    box(s, x, y + h * 0.47, w, h * 0.06, (colour){0.95, 0.95, 0.93});
}

static void draw_furniture(scene *s, double x, double y, double w, double h)
{
    colour wood = any_paint(s);
    double depth = w * uniform(s, 0.1, 0.4);
    quad(s, (double[]){x, y, x + depth, y - depth * 0.5, x + w + depth, y - depth * 0.5, x + w, y},
         shade(wood, 1.3));
    quad(s,
         (double[]){x + w, y, x + w + depth, y - depth * 0.5, x + w + depth, y + h - depth * 0.5, x + w,
                    y + h},
         shade(wood, 0.6));
    box(s, x, y, w, h, wood);
    int drawers = choose(s, 4);
    for (int i = 0; i < drawers; i++) {
        double dy = y + h * (i + 0.12) / drawers;
        cairo.rectangle(s->cairo, x + w * 0.06, dy, w * 0.88, h * 0.76 / drawers);
        cairo.set_line_width(s->cairo, fmax(0.8, w * 0.02));
        use(s, shade(wood, 0.5), 1);
        cairo.stroke(s->cairo);
        disc(s, x + w / 2, dy + h * 0.38 / drawers, w * 0.04, w * 0.04, 0, shade(wood, 0.3), 1);
    }
}

static void draw_room(scene *s)
{
    double w = s->width, h = s->height, l = w * uniform(s, 0.05, 0.35), r = w * uniform(s, 0.65, 0.95);
    double top = h * uniform(s, 0.05, 0.25), floor = h * uniform(s, 0.6, 0.8);
    colour wall = any_paint(s), ground = tinted(s, hsv(30, 0.4, 0.5), 0.4), ceiling = shade(wall, 1.4);
    quad(s, (double[]){-w, -h, 2 * w, -h, r, top, l, top}, ceiling);
    quad(s, (double[]){-w, -h, l, top, l, floor, -w, 2 * h}, shade(wall, 0.8));
    quad(s, (double[]){2 * w, -h, r, top, r, floor, 2 * w, 2 * h}, shade(wall, 0.65));
    quad(s, (double[]){-w, 2 * h, l, floor, r, floor, 2 * w, 2 * h}, ground);
    cairo.rectangle(s->cairo, l, top, r - l, floor - top);
    fill_lit(s, wall, w / 2, h / 2, w / 2);
    for (int i = 0; i < 9; i++)
        line(s, l + (r - l) * i / 8, floor, w / 2 + (i - 4) * w * 0.7, h * 1.6, 1, shade(ground, 0.7), 0.6);
    if (chance(s, 0.7))
        draw_window(s, l + (r - l) * uniform(s, 0.1, 0.5), top + (floor - top) * 0.15, (r - l) * 0.3,
                    (floor - top) * 0.5);
    if (chance(s, 0.6)) {
        double x = l + (r - l) * uniform(s, 0.1, 0.7), y = top + (floor - top) * 0.2, size = (r - l) * 0.18;
        box(s, x - 2, y - 2, size + 4, size * 0.8 + 4, (colour){0.2, 0.15, 0.1});
        box(s, x, y, size, size * 0.8, any_paint(s));
        disc(s, x + size / 2, y + size * 0.5, size * 0.25, size * 0.2, 0, any_paint(s), 1);
    }
    int pieces = 1 + choose(s, 3);
    for (int i = 0; i < pieces; i++) {
        double size = w * uniform(s, 0.15, 0.35);
        draw_furniture(s, w * uniform(s, 0.05, 0.75), h * uniform(s, 0.55, 0.75), size,
                       size * uniform(s, 0.5, 1.2));
    }
}

static void draw_building(scene *s, double x, double w, double top, double foot)
{
    colour stone = tinted(s, hsv(uniform(s, 10, 50), uniform(s, 0, 0.4), uniform(s, 0.4, 0.9)), 0.4);
    cairo.rectangle(s->cairo, x, top, w, foot - top);
    fill_lit(s, stone, x + w / 2, (top + foot) / 2, w);
    double pitch = w / (3 + choose(s, 4)), glass = uniform(s, 0.15, 0.8);
    for (double wy = top + pitch * 0.4; wy < foot - pitch; wy += pitch * 1.2)
        for (double wx = x + pitch * 0.25; wx < x + w - pitch * 0.5; wx += pitch)
            box(s, wx, wy, pitch * 0.5, pitch * 0.7, hsv(210, 0.25, glass * uniform(s, 0.6, 1.2)));
    if (chance(s, 0.4))
        quad(s,
             (double[]){x - w * 0.05, top, x + w * 0.3, top - w * 0.35, x + w * 0.7, top - w * 0.35,
                        x + w * 1.05, top},
             hsv(uniform(s, 0, 30), 0.5, 0.45));
}

static void draw_street(scene *s)
{
    double w = s->width, h = s->height, foot = h * uniform(s, 0.6, 0.85);
    for (double x = -w * 0.2; x < w * 1.2;) {
        double width = w * uniform(s, 0.15, 0.45);
        draw_building(s, x, width, h * uniform(s, -0.2, 0.45), foot);
        x += width * uniform(s, 0.95, 1.2);
    }
    colour road = chance(s, 0.3) ? s->leaf[1] : hsv(220, 0.05, uniform(s, 0.25, 0.6));
    box(s, -w, foot, 3 * w, 2 * h, road);
    for (int i = 0; i < 6; i++)
        box(s, w * (0.02 + 0.18 * i), foot + (h - foot) * 0.45, w * 0.09, h * 0.02,
            (colour){0.92, 0.92, 0.85});
    int poles = choose(s, 4);
    for (int i = 0; i < poles; i++) {
        double x = w * uniform(s, 0, 1);
        line(s, x, foot, x, h * uniform(s, 0, 0.4), s->side * 0.015, (colour){0.2, 0.2, 0.22}, 1);
    }
}

static void draw_tree(scene *s, double x, double foot, double size)
{
    spine trunk =
        spine_make(x, foot, -M_PI / 2 + uniform(s, -0.1, 0.1), size * 0.6, uniform(s, -0.3, 0.3), 0);
    draw_stem(s, &trunk, size * 0.06, size * 0.03, hsv(28, 0.45, uniform(s, 0.2, 0.45)));
    for (int i = 0; i < 11; i++) {
        double a = uniform(s, 0, 2 * M_PI), d = size * 0.28 * uniform(s, 0, 1),
               r = size * uniform(s, 0.12, 0.24);
        blob_path(s, x + cos(a) * d, foot - size * 0.75 + sin(a) * d * 0.8, r, r * 0.85, 0.25);
        fill_lit(s, shade(leaf_tone(s), 0.6 + 0.5 * i / 11), x, foot - size * 0.75, r * 1.5);
    }
}

static void draw_landscape(scene *s)
{
    int ridges = 2 + choose(s, 3);
    for (int i = 0; i < ridges; i++) {
        double base = s->height * (0.35 + 0.6 * i / ridges), swell = s->height * uniform(s, 0.03, 0.18);
        double phase = uniform(s, 0, 6), waves = uniform(s, 3, 9);
        cairo.move_to(s->cairo, -s->width, s->height * 2);
        for (int k = 0; k <= 48; k++) {
            double t = -0.25 + 1.5 * k / 48;
            cairo.line_to(s->cairo, s->width * t,
                          base + swell * (sin(phase + waves * t) + 0.4 * sin(3 * waves * t)));
        }
        cairo.line_to(s->cairo, s->width * 2, s->height * 2);
        cairo.close_path(s->cairo);
        colour far = mix(any_paint(s), hsv(210, 0.2, 0.8), 0.6 - 0.6 * i / ridges);
        fill_lit(s, far, s->width / 2, base, s->height / 2);
        int trees = chance(s, 0.5) ? choose(s, 5) : 0;
        for (int k = 0; k < trees; k++)
            draw_tree(s, s->width * uniform(s, 0, 1), base + swell, s->side * (0.12 + 0.15 * i));
    }
}

static void draw_trees(scene *s)
{
    int count = 1 + choose(s, 4);
    for (int i = 0; i < count; i++)
        draw_tree(s, s->width * uniform(s, 0.15, 0.85), s->height * uniform(s, 0.85, 1.05),
                  s->side * uniform(s, 0.5, 1.1));
}

static void draw_nothing(scene *s)
{
    (void)s;
}

void draw_view(scene *s)
{
    static void (*const views[])(scene *) = {draw_room,      draw_room,  draw_street,  draw_street,
                                             draw_landscape, draw_trees, draw_nothing, draw_nothing};
    views[choose(s, 8)](s);
}
