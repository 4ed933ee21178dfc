/* SPDX-License-Identifier: Apache-2.0
 *
 * Plants that share a trait with the crop (long, narrow, green) but not its blade: maize (broad, wavy, with a
 * bold midrib), hair-thin tufts, foxtails with their heads, sedges, bamboo, ferns. */
#include "subject.h"

#include <math.h>

/* ---- maize ---- */

/* Wavy margins: each edge has waves of its own. */
static void maize_profile(scene *s, double width, double *left, double *right)
{
    double phase = uniform(s, 0, 6), waves = uniform(s, 12, 22), depth = uniform(s, 0.12, 0.25);
    for (int i = 0; i < SPINE_POINTS; i++) {
        double t = (double)i / (SPINE_POINTS - 1);
        double w = width * (0.7 + 0.3 * sin(M_PI * t)) * (1 - pow(t, 3));
        left[i] = w * (1 + depth * sin(phase + waves * t));
        right[i] = w * (1 + depth * sin(phase + 2 + waves * 0.9 * t));
    }
}

static void draw_maize_leaf(scene *s, const spine *p, double width, colour c)
{
    const int middle = SPINE_POINTS / 2;
    double left[SPINE_POINTS], right[SPINE_POINTS];
    maize_profile(s, width, left, right);
    double facing = cos(s->place.light) * p->nx[middle] + sin(s->place.light) * p->ny[middle];
    strip_path(s, p, left, 1, 0);
    fill_lit(s, shade(c, 1 + 0.25 * facing), p->x[middle], p->y[middle], p->length * 0.4);
    strip_path(s, p, right, -1, 0);
    fill_lit(s, shade(c, 1 - 0.25 * facing), p->x[middle], p->y[middle], p->length * 0.4);
    for (int i = 2; i < SPINE_POINTS - 2 && width > 6; i += 2) { /* light broken by the waves */
        double a = atan2(p->nx[i], -p->ny[i]);
        disc(s, p->x[i] + p->nx[i] * left[i] * 0.6, p->y[i] + p->ny[i] * left[i] * 0.6, width * 0.5,
             width * 0.2, a, shade(c, 1.5), 0.25);
        disc(s, p->x[i + 1] - p->nx[i] * right[i] * 0.6, p->y[i + 1] - p->ny[i] * right[i] * 0.6, width * 0.5,
             width * 0.2, a, shade(c, 0.6), 0.25);
    }
    double rib[SPINE_POINTS];
    for (int i = 0; i < SPINE_POINTS; i++)
        rib[i] = width * 0.13 * (1.1 - (double)i / (SPINE_POINTS - 1));
    strip_path(s, p, rib, -1, 1);
    use(s, mix(c, (colour){0.93, 0.97, 0.8}, 0.75), 1);
    cairo.fill(s->cairo);
}

static void draw_maize_plant(scene *s)
{
    double height = s->side * uniform(s, 0.8, 1.3);
    spine stem = spine_make(s->width * uniform(s, 0.3, 0.7), s->height * 1.05,
                            -M_PI / 2 + uniform(s, -0.1, 0.1), height, uniform(s, -0.2, 0.2), 0);
    draw_stem(s, &stem, height * 0.035, height * 0.02, s->leaf[1]);
    for (int i = 2; i < SPINE_POINTS; i += 2) {
        int side = i / 2 % 2 ? 1 : -1;
        double length = height * uniform(s, 0.4, 0.6);
        spine p = spine_make(stem.x[i], stem.y[i], -M_PI / 2 + side * uniform(s, 0.4, 0.8), length,
                             side * 0.6, 1.3);
        draw_maize_leaf(s, &p, length * uniform(s, 0.07, 0.1), leaf_tone(s));
    }
}

static void draw_maize_close_up(scene *s)
{
    int count = 1 + choose(s, 2);
    double diagonal = hypot(s->width, s->height);
    for (int i = 0; i < count; i++) {
        double a = uniform(s, 0, 2 * M_PI);
        spine p = spine_make(s->width / 2 - cos(a) * diagonal * 0.6,
                             s->height * uniform(s, 0.3, 0.7) - sin(a) * diagonal * 0.6, a,
                             diagonal * uniform(s, 1, 1.8), uniform(s, -0.8, 0.8), 0);
        draw_maize_leaf(s, &p, s->side * uniform(s, 0.18, 0.36), leaf_tone(s));
    }
}

static void draw_maize(scene *s)
{
    (chance(s, 0.5) ? draw_maize_plant : draw_maize_close_up)(s);
}

/* ---- thin grasses ---- */

static void draw_hair(scene *s, double x, double y, double angle, double length, double width, colour c)
{
    double ex = x + cos(angle) * length, ey = y + sin(angle) * length;
    double sag = uniform(s, -0.3, 0.5) * length;
    cairo.move_to(s->cairo, x, y);
    cairo.curve_to(s->cairo, x + cos(angle) * length * 0.4, y + sin(angle) * length * 0.5, ex, ey,
                   ex + sag * 0.4, ey + fabs(sag));
    cairo.set_line_width(s->cairo, width);
    use(s, c, 1);
    cairo.stroke(s->cairo);
}

static void draw_tuft(scene *s, double x, double y, double size, int hairs)
{
    double width = fmax(0.6, size * 0.005);
    for (int i = 0; i < hairs; i++)
        draw_hair(s, x + uniform(s, -0.15, 0.15) * size, y, -M_PI / 2 + uniform(s, -0.9, 0.9),
                  size * uniform(s, 0.4, 1), width, shade(leaf_tone(s), 0.5 + 0.6 * i / hairs));
}

static void draw_tufts(scene *s)
{
    int count = 1 + choose(s, 4);
    for (int i = 0; i < count; i++)
        draw_tuft(s, s->width * uniform(s, 0.1, 0.9), s->height * uniform(s, 0.7, 1.05),
                  s->side * uniform(s, 0.35, 0.8), 60);
}

/* A bottle brush on a stalk. */
static void draw_foxtail(scene *s, double x, double y, double size)
{
    spine stalk =
        spine_make(x, y, -M_PI / 2 + uniform(s, -0.4, 0.4), size, uniform(s, -0.5, 0.5), uniform(s, 0, 0.8));
    draw_stem(s, &stalk, size * 0.008, size * 0.005, shade(s->leaf[1], 0.9));
    colour head = mix(leaf_tone(s), chance(s, 0.4) ? (colour){0.5, 0.3, 0.45} : (colour){0.85, 0.78, 0.5},
                      uniform(s, 0.2, 0.8));
    double thick = size * uniform(s, 0.035, 0.06);
    for (int i = SPINE_POINTS * 3 / 5; i < SPINE_POINTS; i++) {
        disc(s, stalk.x[i], stalk.y[i], thick, thick * 0.8, 0, shade(head, uniform(s, 0.7, 1)), 1);
        for (int bristle = 0; bristle < 6; bristle++) {
            double a = uniform(s, 0, 2 * M_PI), r = thick * uniform(s, 1.4, 2.2);
            line(s, stalk.x[i], stalk.y[i], stalk.x[i] + cos(a) * r, stalk.y[i] + sin(a) * r,
                 fmax(0.4, thick * 0.08), shade(head, 1.4), 0.7);
        }
    }
}

static void draw_foxtails(scene *s)
{
    int count = 2 + choose(s, 6);
    if (chance(s, 0.5))
        draw_tuft(s, s->width / 2, s->height * 1.05, s->side * 0.5, 50);
    for (int i = 0; i < count; i++)
        draw_foxtail(s, s->width * uniform(s, 0.2, 0.8), s->height * uniform(s, 0.95, 1.1),
                     s->side * uniform(s, 0.6, 1));
}

/* ---- others ---- */

static void draw_sedge(scene *s)
{
    int count = 1 + choose(s, 3);
    for (int n = 0; n < count; n++) {
        double size = s->side * uniform(s, 0.5, 0.9);
        spine stem = spine_make(s->width * uniform(s, 0.25, 0.75), s->height * 1.05,
                                -M_PI / 2 + uniform(s, -0.2, 0.2), size, uniform(s, -0.2, 0.2), 0);
        draw_stem(s, &stem, size * 0.015, size * 0.01, leaf_tone(s));
        double x = stem.x[SPINE_POINTS - 1], y = stem.y[SPINE_POINTS - 1];
        colour head = hsv(uniform(s, 20, 50), uniform(s, 0.4, 0.7), uniform(s, 0.35, 0.7));
        int rays = 7 + choose(s, 6);
        for (int i = 0; i < rays; i++) {
            double a = -M_PI / 2 + uniform(s, -2.2, 2.2), length = size * uniform(s, 0.15, 0.35);
            draw_hair(s, x, y, a, length, fmax(0.8, size * 0.012), leaf_tone(s));
            for (int k = 0; k < 5; k++) {
                double b = a + uniform(s, -0.8, 0.8), at = length * 0.75;
                disc(s, x + cos(a) * at + cos(b) * size * 0.04, y + sin(a) * at + sin(b) * size * 0.04,
                     size * 0.035, size * 0.01, b, shade(head, uniform(s, 0.7, 1.3)), 1);
            }
        }
    }
}

/* Short lance-shaped leaf: five to seven times longer than wide, widest near its base. */
static void draw_lance(scene *s, double x, double y, double angle, double length, double ratio, colour c)
{
    spine p = spine_make(x, y, angle, length, uniform(s, -0.3, 0.3), 0.2);
    double half[SPINE_POINTS];
    for (int i = 0; i < SPINE_POINTS; i++) {
        double t = (double)i / (SPINE_POINTS - 1);
        half[i] = length * ratio / 2 * sin(M_PI * pow(t, 0.55));
    }
    strip_path(s, &p, half, -1, 1);
    fill_lit(s, c, p.x[8], p.y[8], length / 2);
    strip_line(s, &p, half, 0, 0, SPINE_POINTS - 2, fmax(0.5, length * 0.01), shade(c, 1.4), 0.7);
}

static void draw_bamboo(scene *s)
{
    int canes = 1 + choose(s, 3);
    for (int n = 0; n < canes; n++) {
        double width = s->side * uniform(s, 0.008, 0.05);
        spine cane = spine_make(s->width * uniform(s, 0.1, 0.9), s->height * 1.1,
                                -M_PI / 2 + uniform(s, -0.2, 0.2), s->side * 1.4, uniform(s, -0.2, 0.2), 0);
        draw_stem(s, &cane, width, width * 0.8, leaf_tone(s));
        for (int i = 2; i < SPINE_POINTS; i += 3) {
            line(s, cane.x[i] + cane.nx[i] * width, cane.y[i] + cane.ny[i] * width,
                 cane.x[i] - cane.nx[i] * width, cane.y[i] - cane.ny[i] * width, fmax(1, width * 0.25),
                 shade(s->leaf[0], 0.7), 0.9);
            double turn = chance(s, 0.5) ? 0.2 : M_PI - 0.2;
            for (int k = 0; k < 5; k++)
                draw_lance(s, cane.x[i], cane.y[i], turn + uniform(s, -0.8, 0.9),
                           s->side * uniform(s, 0.16, 0.34), 0.17, leaf_tone(s));
        }
    }
}

static void draw_fern(scene *s)
{
    int fronds = 1 + choose(s, 5);
    double x = s->width * uniform(s, 0.3, 0.7), y = s->height * uniform(s, 0.8, 1.05);
    for (int n = 0; n < fronds; n++) {
        double size = s->side * uniform(s, 0.7, 1.1);
        spine rib = spine_make(x, y, -M_PI / 2 + uniform(s, -0.9, 0.9), size, uniform(s, -0.6, 0.6), 0.4);
        colour c = leaf_tone(s);
        draw_stem(s, &rib, size * 0.01, size * 0.004, shade(c, 0.6));
        for (int i = 2; i < SPINE_POINTS; i++)
            for (int side = -1; side <= 1; side += 2) {
                double way = atan2(rib.nx[i], -rib.ny[i]) + side * 1.2;
                double length = size * 0.28 * sin(M_PI * (0.15 + 0.8 * i / SPINE_POINTS));
                draw_lance(s, rib.x[i], rib.y[i], way, length, 0.28, shade(c, side > 0 ? 1 : 0.85));
            }
    }
}

void draw_grass(scene *s)
{
    static void (*const plants[])(scene *) = {draw_maize, draw_maize,  draw_tufts, draw_foxtails,
                                              draw_sedge, draw_bamboo, draw_fern};
    plants[choose(s, 7)](s);
}
