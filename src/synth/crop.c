/* SPDX-License-Identifier: Apache-2.0
 *
 * The crop. What makes a blade a blade, at every distance: a long strip with nearly parallel edges that
 * tapers to a point, folded along a midrib so that its halves take the light differently, with veins parallel
 * to its edges, and a tip that hangs. Colour, ground, light, number and layout vary. */
#include "subject.h"

#include <math.h>

typedef struct blade {
    spine spine;
    double width; /* half of it, at the widest */
    colour colour;
    bool shadow;
    double sick; /* 0 to 1: how much of it is spotted */
} blade;

static void blade_profile(double width, double *half)
{
    for (int i = 0; i < SPINE_POINTS; i++) {
        double t = (double)i / (SPINE_POINTS - 1);
        double taper = t < 0.35 ? 0.75 + 0.25 * t / 0.35 : 1 - pow((t - 0.35) / 0.65, 2.5);
        half[i] = width * taper;
    }
}

/* Lies on the ground, away from the light. */
static void draw_blade_shadow(scene *s, const blade *b, const double *half)
{
    double away = b->width * 1.2 + s->side * 0.012;
    cairo.save(s->cairo);
    cairo.translate(s->cairo, -cos(s->place.light) * away, -sin(s->place.light) * away);
    for (int soft = 0; soft < 2; soft++) {
        strip_path(s, &b->spine, half, soft ? -1.3 : -0.9, soft ? 1.3 : 0.9);
        use(s, (colour){0, 0, 0.03}, s->place.shadow * 0.5 + 0.06);
        cairo.fill(s->cairo);
    }
    cairo.restore(s->cairo);
}

/* Darker at the foot, dry at the tip where it is sick. */
static cairo_pattern_t *shade_along(const blade *b, double light)
{
    const int tip = SPINE_POINTS - 1;
    const spine *p = &b->spine;
    cairo_pattern_t *along = cairo.pattern_create_linear(p->x[0], p->y[0], p->x[tip], p->y[tip]);
    colour base = shade(b->colour, light * 0.75), middle = shade(b->colour, light);
    colour end = shade(mix(b->colour, (colour){0.8, 0.72, 0.4}, b->sick * 0.7), light * 1.1);
    cairo.pattern_add_color_stop_rgb(along, 0, base.r, base.g, base.b);
    cairo.pattern_add_color_stop_rgb(along, 0.45, middle.r, middle.g, middle.b);
    cairo.pattern_add_color_stop_rgb(along, 1, end.r, end.g, end.b);
    return along;
}

/* The half between the midrib and edge (1 left, -1 right). Gradients are slow: small blades do without. */
static void draw_half(scene *s, const blade *b, const double *half, double edge, double light)
{
    use(s, shade(b->colour, light), 1);
    if (b->width > s->side * 0.02) {
        cairo_pattern_t *along = shade_along(b, light);
        cairo.set_source(s->cairo, along);
        cairo.pattern_destroy(along);
    }
    strip_path(s, &b->spine, half, edge, 0);
    cairo.fill(s->cairo);
}

static void draw_veins(scene *s, const blade *b, const double *half)
{
    if (b->width > 0.018 * s->side) {
        int veins = b->width > s->side * 0.1 ? 9 : b->width > s->side * 0.04 ? 5 : 2;
        double thin = fmax(0.6, b->width * 0.03);
        for (int i = 1; i <= veins; i++) {
            double f = (i + uniform(s, -0.2, 0.2)) / (veins + 1);
            colour c = shade(b->colour, i % 2 ? 0.72 : 1.3);
            strip_line(s, &b->spine, half, f, 0, SPINE_POINTS - 2, thin, c, 0.45);
            strip_line(s, &b->spine, half, -f, 0, SPINE_POINTS - 2, thin, c, 0.45);
        }
    }
    strip_line(s, &b->spine, half, 0, 0, SPINE_POINTS - 2, fmax(0.5, b->width * 0.12), shade(b->colour, 1.5),
               0.6);
}

/* Spots of blight and blast: longer along the blade, brown within yellow. */
static void draw_lesions(scene *s, const blade *b, const double *half)
{
    int count = (int)(b->sick * uniform(s, 2, 24));
    colour brown = hsv(uniform(s, 8, 32), uniform(s, 0.4, 0.8), uniform(s, 0.2, 0.5));
    for (int i = 0; i < count; i++) {
        int k = 1 + choose(s, SPINE_POINTS - 3);
        double f = uniform(s, -0.8, 0.8), angle = atan2(b->spine.nx[k], -b->spine.ny[k]);
        double x = b->spine.x[k] + b->spine.nx[k] * half[k] * f,
               y = b->spine.y[k] + b->spine.ny[k] * half[k] * f;
        double r = half[k] * uniform(s, 0.03, 0.16), longer = uniform(s, 1.2, 5);
        disc(s, x, y, r * longer * 1.5, r * 1.5, angle, (colour){0.8, 0.7, 0.25}, 0.5);
        disc(s, x, y, r * longer, r, angle, brown, 0.85);
        disc(s, x, y, r * longer * 0.5, r * 0.45, angle, (colour){0.75, 0.7, 0.6}, 0.6);
    }
}

static void draw_blade(scene *s, const blade *b)
{
    const int middle = SPINE_POINTS / 2;
    double half[SPINE_POINTS];
    blade_profile(b->width, half);
    if (b->shadow)
        draw_blade_shadow(s, b, half);
    double facing = cos(s->place.light) * b->spine.nx[middle] + sin(s->place.light) * b->spine.ny[middle];
    double depth = 0.12 + s->place.shadow * 0.4;
    draw_half(s, b, half, 1, 1 + facing * depth);
    draw_half(s, b, half, -1, 1 - facing * depth);
    if (b->width > 1.2)
        draw_veins(s, b, half);
    if (b->sick > 0.05 && b->width > 2)
        draw_lesions(s, b, half);
}

static double sickness(scene *s)
{
    return chance(s, 0.5) ? uniform(s, 0, 1) : 0;
}

/* One to three blades across the picture, at a hand's distance or nearer. */
static void draw_close_up(scene *s)
{
    int count = 1 + choose(s, 3);
    double diagonal = hypot(s->width, s->height);
    double base = chance(s, 0.4) ? uniform(s, 0.16, 0.42) : uniform(s, 0.035, 0.14);
    double angle = uniform(s, 0, 2 * M_PI);
    for (int i = 0; i < count; i++) {
        double a = angle + uniform(s, -0.5, 0.5) * (count > 1);
        double x = s->width * uniform(s, 0.3, 0.7), y = s->height * uniform(s, 0.3, 0.7);
        /* Some show their tip, most run through the picture. */
        double length = diagonal * (chance(s, 0.35) ? uniform(s, 0.8, 1.1) : uniform(s, 1.6, 2.4));
        double bend = uniform(s, -0.5, 0.5);
        blade b = {.spine = spine_make(x - cos(a) * diagonal * 0.65, y - sin(a) * diagonal * 0.65, a, length,
                                       bend, 0),
                   .width = s->side * base * uniform(s, 0.7, 1.1),
                   .colour = leaf_tone(s),
                   .shadow = true,
                   .sick = sickness(s)};
        draw_blade(s, &b);
    }
}

/* Drooping head of grains. */
static void draw_panicle(scene *s, double x, double y, double angle, double length)
{
    colour grain = mix(leaf_tone(s), (colour){0.82, 0.7, 0.35}, uniform(s, 0.2, 1));
    spine stalk = spine_make(x, y, angle, length, 0, 1.2);
    draw_stem(s, &stalk, length * 0.012, length * 0.006, shade(grain, 0.8));
    for (int i = 5; i < SPINE_POINTS; i++)
        for (int side = -1; side <= 1; side += 2) {
            double d = length * 0.03 * uniform(s, 0.5, 1.5);
            disc(s, stalk.x[i] + side * stalk.nx[i] * d, stalk.y[i] + side * stalk.ny[i] * d, length * 0.035,
                 length * 0.014, atan2(stalk.nx[i], -stalk.ny[i]) + side * 0.4,
                 shade(grain, uniform(s, 0.8, 1.2)), 1);
        }
}

/* A hill: blades fanning out of one foot. */
static void draw_hill(scene *s, double x, double y, double size, int blades, bool shadow, double sick)
{
    double width = size * uniform(s, 0.014, 0.03);
    double spread = uniform(s, 0.35, 0.9), droop = uniform(s, 0.1, 1.2);
    for (int i = 0; i < blades; i++) {
        double lean = uniform(s, -spread, spread);
        double length = size * uniform(s, 0.55, 1.1);
        double light = 0.6 + 0.5 * i / blades; /* later ones stand in front */
        blade b = {.spine = spine_make(x + uniform(s, -0.05, 0.05) * size, y, -M_PI / 2 + lean, length,
                                       lean * 0.9, droop * uniform(s, 0.3, 1.2)),
                   .width = width * uniform(s, 0.7, 1.2),
                   .colour = shade(leaf_tone(s), light),
                   .shadow = shadow,
                   .sick = chance(s, 0.3) ? sick : 0};
        draw_blade(s, &b);
    }
    if (chance(s, 0.2))
        for (int i = 0; i < 3; i++)
            draw_panicle(s, x, y - size * 0.6, -M_PI / 2 + uniform(s, -0.7, 0.7),
                         size * uniform(s, 0.3, 0.5));
}

static void draw_plants(scene *s)
{
    int hills = 1 + choose(s, 3);
    double sick = sickness(s);
    for (int i = 0; i < hills; i++)
        draw_hill(s, s->width * uniform(s, 0.15, 0.85), s->height * uniform(s, 0.85, 1.1),
                  s->side * uniform(s, 0.6, 1.1), 8 + choose(s, 12), s->place.shadow > 0.2, sick);
}

/* Seedlings in rows that run away from the camera. */
static void draw_rows(scene *s)
{
    double horizon = s->height * uniform(s, -0.3, 0.3), shear = uniform(s, -0.4, 0.4);
    for (int row = 0; row < 5; row++) {
        double depth = pow((row + 1) / 5.0, 1.4), y = horizon + (s->height * 1.05 - horizon) * depth;
        double gap = s->side * 0.42 * depth + s->side * 0.06;
        for (double x = -gap * uniform(s, 0, 1); x < s->width + gap; x += gap)
            draw_hill(s, x + shear * y * 0.3, y, s->side * 0.42 * depth, row < 2 ? 3 : 6, false, 0);
    }
}

/* Blades everywhere, nearly parallel, the lower ones in the dark. */
static void draw_canopy(scene *s)
{
    double angle = uniform(s, 0, 2 * M_PI), spread = uniform(s, 0.15, 0.7);
    double width = s->side * uniform(s, 0.008, 0.035), sick = sickness(s);
    int count = width > s->side * 0.02 ? 40 : 70;
    for (int i = 0; i < count; i++) {
        double a = angle + uniform(s, -spread, spread) + (chance(s, 0.1) ? M_PI / 2 : 0);
        double length = s->side * uniform(s, 0.6, 1.3);
        double x = uniform(s, -0.1, 1.1) * s->width, y = uniform(s, -0.1, 1.1) * s->height;
        blade b = {.spine = spine_make(x - cos(a) * length / 2, y - sin(a) * length / 2, a, length,
                                       uniform(s, -0.8, 0.8), uniform(s, 0, 0.5)),
                   .width = width * uniform(s, 0.6, 1.3),
                   .colour = shade(leaf_tone(s), 0.4 + 0.7 * i / count),
                   .shadow = i > count / 2 && s->place.shadow > 0.2,
                   .sick = chance(s, 0.2) ? sick : 0};
        draw_blade(s, &b);
    }
}

void draw_crop(scene *s)
{
    if (s->ground == GROUND_HAND) {
        draw_close_up(s);
        return;
    }
    static void (*const layouts[])(scene *) = {draw_close_up, draw_close_up, draw_plants, draw_rows,
                                               draw_canopy};
    layouts[choose(s, 5)](s);
}
