/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <math.h>

place place_make(uint64_t seed)
{
    scene dice = {0};
    scene *s = &dice;
    wn_random_seed(&s->random, seed, 1);
    place p = {.light = uniform(s, -M_PI, 0.3), .hue = uniform(s, 66, 124), .value = uniform(s, 0.3, 0.75)};
    for (int i = 0; i < 3; i++)
        p.grounds[i] = (ground_kind)choose(s, GROUND_KINDS);
    bool sun = chance(s, 0.4);
    p.shadow = sun ? uniform(s, 0.25, 0.5) : uniform(s, 0, 0.15);
    double warm = chance(s, 0.15) ? uniform(s, -0.3, 0.3) : uniform(s, -0.1, 0.1);
    p.warmth = (colour){1 + warm, 1 + uniform(s, -0.04, 0.04), 1 - warm};
    p.exposure = chance(s, 0.2) ? uniform(s, -1.2, 0.5) : uniform(s, -0.35, 0.3);
    p.noise = uniform(s, 0.002, 0.02);
    p.vignette = chance(s, 0.3) ? uniform(s, 0.1, 0.5) : 0.05;
    return p;
}

static void choose_leaf_tones(scene *s)
{
    double hue = s->place.hue + uniform(s, -12, 12), saturation = uniform(s, 0.4, 0.85);
    double value = s->place.value + uniform(s, -0.1, 0.1);
    if (chance(s, 0.12)) { /* dry */
        hue = uniform(s, 34, 56);
        saturation = uniform(s, 0.3, 0.6);
        value = uniform(s, 0.5, 0.8);
    }
    s->leaf[0] = hsv(hue + 10, saturation, value * 0.5);
    s->leaf[1] = hsv(hue, saturation, value);
    s->leaf[2] = hsv(hue - 10, saturation * 0.75, value * 1.25);
}

void place_enter(scene *s)
{
    s->ground = s->place.grounds[choose(s, 3)];
    choose_leaf_tones(s);
    s->skin = hsv(uniform(s, 14, 30), uniform(s, 0.25, 0.6), uniform(s, 0.35, 0.95));
    bool leafy = chance(s, 0.75);
    for (int i = 0; i < 4; i++) {
        s->paint[i] = hsv(uniform(s, 0, 360), uniform(s, 0.05, 0.8), uniform(s, 0.15, 0.95));
        if (leafy && i < 3)
            s->paint[i] = s->leaf[i];
    }
}

/* ---- grounds ---- */

/* Small things strewn about: clods, pebbles, straws. */
static void strew(scene *s, int count, double size, double longer, colour a, colour b)
{
    for (int i = 0; i < count; i++) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height);
        double r = size * s->side * uniform(s, 0.4, 1.3), angle = uniform(s, 0, M_PI);
        double drop = r * 0.4;
        disc(s, x - cos(s->place.light) * drop, y - sin(s->place.light) * drop, r * longer, r, angle,
             (colour){0, 0, 0}, 0.15 + s->place.shadow * 0.6);
        disc(s, x, y, r * longer, r, angle, mix(a, b, uniform(s, 0, 1)), 1);
    }
}

static void draw_soil(scene *s)
{
    colour soil = hsv(uniform(s, 12, 40), uniform(s, 0.15, 0.55), uniform(s, 0.3, 0.7));
    double grain = uniform(s, 0.02, 0.12);
    fill_texture(s, &(texture){shade(soil, 0.5), soil, shade(soil, 1.35), grain, grain * uniform(s, 0.6, 1.4),
                               uniform(s, 0, M_PI), 5, 2});
    if (chance(s, 0.7))
        strew(s, choose(s, 50), uniform(s, 0.005, 0.025), uniform(s, 1, 1.5), shade(soil, 0.7),
              shade(soil, 1.3));
}

static void draw_water(scene *s)
{
    colour water = hsv(uniform(s, 30, 220), uniform(s, 0.05, 0.4), uniform(s, 0.3, 0.75));
    fill_texture(s, &(texture){shade(water, 0.6), water, shade(water, 1.6), uniform(s, 0.2, 0.8),
                               uniform(s, 0.02, 0.08), uniform(s, -0.1, 0.1), 4, 2});
    int glints = choose(s, 25);
    for (int i = 0; i < glints; i++)
        disc(s, uniform(s, 0, s->width), uniform(s, 0, s->height), s->side * uniform(s, 0.01, 0.05),
             s->side * 0.004, 0, (colour){1, 1, 1}, uniform(s, 0.2, 0.7));
}

static void draw_mulch(scene *s)
{
    colour straw = hsv(uniform(s, 20, 48), uniform(s, 0.2, 0.6), uniform(s, 0.5, 0.85));
    fill_texture(s, &(texture){shade(straw, 0.2), shade(straw, 0.4), shade(straw, 0.7), 0.08, 0.08, 0, 4, 2});
    double length = uniform(s, 0.04, 0.3), width = uniform(s, 0.004, 0.014);
    for (int i = 0; i < 130; i++) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height), angle = uniform(s, 0, M_PI);
        double l = length * s->side * uniform(s, 0.3, 1), tone = uniform(s, 0.4, 1.2);
        line(s, x, y, x + l * cos(angle), y + l * sin(angle), width * s->side, shade(straw, tone), 1);
    }
}

static void draw_concrete(scene *s)
{
    colour grey = hsv(uniform(s, 20, 220), uniform(s, 0, 0.1), uniform(s, 0.4, 0.85));
    fill_texture(s, &(texture){shade(grey, 0.8), grey, shade(grey, 1.2), 0.06, 0.06, 0, 5, 1.5});
    int cracks = choose(s, 4);
    for (int i = 0; i < cracks; i++) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height), angle = uniform(s, 0, 2 * M_PI);
        for (int k = 0; k < 12; k++) {
            angle += uniform(s, -0.5, 0.5);
            double nx = x + s->side * 0.06 * cos(angle), ny = y + s->side * 0.06 * sin(angle);
            line(s, x, y, nx, ny, s->side * 0.006, shade(grey, 0.5), 0.8);
            x = nx;
            y = ny;
        }
    }
}

static void draw_sky(scene *s)
{
    colour blue = hsv(uniform(s, 195, 225), uniform(s, 0.1, 0.7), uniform(s, 0.6, 0.95));
    colour haze = mix(blue, (colour){1, 1, 1}, uniform(s, 0.3, 0.9));
    fill_texture(s, &(texture){blue, mix(blue, haze, 0.4), haze, uniform(s, 0.3, 1), uniform(s, 0.15, 0.5),
                               uniform(s, -0.3, 0.3), 4, uniform(s, 0.5, 2.5)});
    cairo_pattern_t *rise = cairo.pattern_create_linear(0, 0, 0, s->height);
    cairo.pattern_add_color_stop_rgba(rise, 0, blue.r, blue.g, blue.b, 0.4);
    cairo.pattern_add_color_stop_rgba(rise, 1, haze.r, haze.g, haze.b, 0.6);
    cairo.set_source(s->cairo, rise);
    cairo.paint(s->cairo);
    cairo.pattern_destroy(rise);
}

/* A flat sheet with light falling off across it. */
static void draw_sheet(scene *s, colour c, double grain, double contrast)
{
    fill_texture(s, &(texture){shade(c, 0.93), c, shade(c, 1.05), grain, grain, 0, 3, contrast});
    double far = s->width + s->height;
    double lx = cos(s->place.light) * far / 2, ly = sin(s->place.light) * far / 2;
    cairo_pattern_t *fall = cairo.pattern_create_linear(s->width / 2 + lx, s->height / 2 + ly,
                                                        s->width / 2 - lx, s->height / 2 - ly);
    cairo.pattern_add_color_stop_rgba(fall, 0, 1, 1, 1, uniform(s, 0, 0.2));
    cairo.pattern_add_color_stop_rgba(fall, 1, 0, 0, 0.05, uniform(s, 0, 0.35));
    cairo.set_source(s->cairo, fall);
    cairo.paint(s->cairo);
    cairo.pattern_destroy(fall);
}

static void draw_paper(scene *s)
{
    draw_sheet(s, hsv(chance(s, 0.5) ? 230 : 30, uniform(s, 0, 0.12), uniform(s, 0.82, 1)),
               uniform(s, 0.1, 0.5), 1);
}

static void draw_grey(scene *s)
{
    draw_sheet(s, hsv(uniform(s, 0, 360), uniform(s, 0, 0.15), uniform(s, 0.02, 0.7)), uniform(s, 0.02, 0.3),
               1);
}

static void draw_foliage(scene *s)
{
    fill_texture(s, &(texture){shade(s->leaf[0], 0.5), s->leaf[0], s->leaf[1], 0.3, 0.3, 0, 2, 2.2});
    double size = uniform(s, 0.05, 0.16);
    for (int i = 0; i < 45; i++) {
        double r = size * s->side * uniform(s, 0.6, 1.2);
        disc(s, uniform(s, 0, s->width), uniform(s, 0, s->height), r, r, 0, leaf_tone(s),
             uniform(s, 0.1, 0.45));
    }
}

static void draw_bricks(scene *s, double h)
{
    for (double y = 0; y < s->height; y += h) {
        line(s, 0, y, s->width, y, h * 0.08, (colour){0.8, 0.8, 0.78}, 0.5);
        for (double x = fmod(y / h, 2) < 1 ? 0 : h; x < s->width; x += 2 * h)
            line(s, x, y, x, y + h, h * 0.08, (colour){0.8, 0.8, 0.78}, 0.5);
    }
}

static void draw_wall(scene *s)
{
    colour c = any_paint(s);
    fill_texture(s, &(texture){shade(c, 0.75), c, shade(c, 1.15), uniform(s, 0.03, 0.6),
                               uniform(s, 0.03, 0.6), 0, 4, uniform(s, 0.4, 1.6)});
    if (chance(s, 0.3))
        draw_bricks(s, s->side * uniform(s, 0.06, 0.2));
}

/* ---- the hand ---- */

void draw_finger(scene *s, const spine *p, double width)
{
    const int tip = SPINE_POINTS - 1;
    draw_stem(s, p, width, width * 0.85, s->skin);
    double nail = atan2(p->y[tip] - p->y[tip - 2], p->x[tip] - p->x[tip - 2]);
    disc(s, p->x[tip], p->y[tip], width * 0.6, width * 0.45, nail, shade(s->skin, 1.25), 0.8);
    for (int k = 6; k <= 12; k += 6)
        line(s, p->x[k] + p->nx[k] * width * 0.5, p->y[k] + p->ny[k] * width * 0.5,
             p->x[k] - p->nx[k] * width * 0.5, p->y[k] - p->ny[k] * width * 0.5, width * 0.1,
             shade(s->skin, 0.6), 0.6);
}

static void draw_hand(scene *s)
{
    if (chance(s, 0.5))
        draw_foliage(s);
    else
        draw_soil(s);
    double x = s->width * uniform(s, 0.2, 0.8), y = s->height * uniform(s, 0.75, 1.05);
    double size = s->side * uniform(s, 0.25, 0.5), aim = -M_PI / 2 + (s->width / 2 - x) / s->width;
    for (int i = 0; i < 4; i++) {
        double spread = (i - 1.5) * 0.45;
        spine finger = spine_make(x + size * spread, y - size * 0.5, aim + spread * 0.4,
                                  size * uniform(s, 0.8, 1.2), uniform(s, -0.3, 0.3), 0);
        draw_finger(s, &finger, size * 0.19);
    }
    blob_path(s, x, y, size * 0.95, size * 0.9, 0.06);
    fill_lit(s, s->skin, x, y, size);
    for (int i = 0; i < 3; i++) {
        spine crease =
            spine_make(x - size * 0.6, y - size * uniform(s, 0, 0.5), uniform(s, -0.2, 0.5), size, 0.8, 0);
        draw_stem(s, &crease, size * 0.012, size * 0.008, shade(s->skin, 0.7));
    }
}

void draw_ground(scene *s)
{
    static void (*const draw[GROUND_KINDS])(scene *) = {
        draw_soil,  draw_water, draw_mulch, draw_concrete, draw_sky,
        draw_paper, draw_hand,  draw_grey,  draw_foliage,  draw_wall,
    };
    draw[s->ground](s);
}

void draw_ground_front(scene *s)
{
    if (s->ground != GROUND_HAND || chance(s, 0.3))
        return;
    double x = chance(s, 0.5) ? 0 : s->width, y = s->height * uniform(s, 0.6, 1);
    double aim = atan2(s->height * 0.5 - y, s->width * 0.5 - x);
    double size = s->side * uniform(s, 0.3, 0.55);
    spine thumb = spine_make(x, y, aim + uniform(s, -0.3, 0.3), size, uniform(s, -0.4, 0.4), 0);
    draw_finger(s, &thumb, size * 0.2);
}
