/* SPDX-License-Identifier: Apache-2.0
 *
 * Broad-leaved plants: leaves a few times longer than wide at most, veins that branch off a midrib. */
#include "subject.h"

#include <math.h>

typedef enum leaf_shape {
    LEAF_OVATE,
    LEAF_HEART,
    LEAF_SPOON,
    LEAF_LOBED,
    LEAF_ROUND,
    LEAF_SHAPES
} leaf_shape;

/* One species a scene. */
typedef struct species {
    leaf_shape shape;
    double ratio;   /* width / length */
    double serrate; /* depth of teeth */
    int veins;      /* pairs */
    colour vein, bloom;
} species;

static species choose_species(scene *s)
{
    species k = {.shape = (leaf_shape)choose(s, LEAF_SHAPES),
                 .ratio = uniform(s, 0.35, 0.75),
                 .veins = 3 + choose(s, 5)};
    k.serrate = chance(s, 0.5) ? uniform(s, 0.08, 0.25) : 0;
    if (k.shape == LEAF_ROUND)
        k.ratio = uniform(s, 0.8, 1.1);
    k.vein = shade(s->leaf[2], chance(s, 0.7) ? uniform(s, 1.1, 1.8) : 0.5);
    k.bloom = hsv(uniform(s, 0, 360), uniform(s, 0, 0.8), uniform(s, 0.7, 1));
    return k;
}

static void leaf_profile(const species *k, double length, double *half)
{
    for (int i = 0; i < SPINE_POINTS; i++) {
        double t = (double)i / (SPINE_POINTS - 1), w = 0;
        switch (k->shape) {
        case LEAF_OVATE:
        case LEAF_SHAPES:
            w = sin(M_PI * pow(t, 0.75));
            break;
        case LEAF_HEART:
            w = i == 0 ? 0.3 : pow(1 - t, 0.7) * (0.8 + 1.6 * t) * 0.85;
            break;
        case LEAF_SPOON:
            w = 0.12 + sin(M_PI * pow(t, 2.2)) * 0.88;
            break;
        case LEAF_LOBED:
            w = sin(M_PI * pow(t, 0.9)) * (0.62 + 0.38 * cos(t * M_PI * 8));
            break;
        case LEAF_ROUND:
            w = sqrt(fmax(0, 1 - (2 * t - 1) * (2 * t - 1)));
            break;
        }
        double tooth = i % 2 ? 1 - k->serrate : 1;
        half[i] = i == SPINE_POINTS - 1 ? 0 : w * tooth * k->ratio * length / 2;
    }
}

static void draw_leaf_shadow(scene *s, const spine *p, const double *half)
{
    double away = p->length * 0.06 + s->side * 0.008;
    cairo.save(s->cairo);
    cairo.translate(s->cairo, -cos(s->place.light) * away, -sin(s->place.light) * away);
    strip_path(s, p, half, -1, 1);
    use(s, (colour){0, 0, 0.03}, s->place.shadow * 0.8 + 0.1);
    cairo.fill(s->cairo);
    cairo.restore(s->cairo);
}

/* Veins leave the midrib at an angle and bend towards the tip. */
static void draw_pinnate_veins(scene *s, const species *k, const spine *p, const double *half)
{
    const int tip = SPINE_POINTS - 1;
    double width = fmax(0.5, p->length * 0.012);
    for (int v = 0; v < k->veins && p->length > 14; v++) {
        int from = 1 + v * (tip - 3) / k->veins, to = from + 3 < tip ? from + 3 : tip;
        for (int side = -1; side <= 1; side += 2) {
            double reach = side * 0.85;
            cairo.move_to(s->cairo, p->x[from], p->y[from]);
            cairo.curve_to(s->cairo, p->x[from] + p->nx[from] * half[from] * reach * 0.5,
                           p->y[from] + p->ny[from] * half[from] * reach * 0.5,
                           p->x[to] + p->nx[to] * half[to] * reach * 0.7,
                           p->y[to] + p->ny[to] * half[to] * reach * 0.7,
                           p->x[to] + p->nx[to] * half[to] * reach, p->y[to] + p->ny[to] * half[to] * reach);
            cairo.set_line_width(s->cairo, width);
            use(s, k->vein, 0.55);
            cairo.stroke(s->cairo);
        }
    }
    strip_line(s, p, half, 0, 0, tip - 1, width * 1.6, k->vein, 0.8);
}

static void draw_leaf(scene *s, const species *k, const spine *p, colour c, bool shadow)
{
    const int middle = SPINE_POINTS / 2;
    double half[SPINE_POINTS];
    leaf_profile(k, p->length, half);
    if (shadow)
        draw_leaf_shadow(s, p, half);
    double facing = cos(s->place.light) * p->nx[middle] + sin(s->place.light) * p->ny[middle];
    double depth = 0.12 + s->place.shadow * 0.4;
    for (int side = -1; side <= 1; side += 2) {
        strip_path(s, p, half, side, 0);
        fill_lit(s, shade(c, 1 + side * facing * depth), p->x[middle], p->y[middle], p->length / 2);
    }
    draw_pinnate_veins(s, k, p, half);
}

static void draw_flower(scene *s, const species *k, double x, double y, double r)
{
    int petals = 4 + choose(s, 8);
    double turn = uniform(s, 0, M_PI);
    for (int i = 0; i < petals; i++) {
        double a = turn + 2 * M_PI * i / petals;
        disc(s, x + cos(a) * r * 0.6, y + sin(a) * r * 0.6, r * 0.5, r * 1.6 / petals + r * 0.1, a,
             shade(k->bloom, uniform(s, 0.8, 1.1)), 1);
    }
    disc(s, x, y, r * 0.3, r * 0.3, 0, hsv(45, 0.8, 0.8), 1);
}

static void draw_rosette(scene *s, const species *k, double x, double y, double size)
{
    int leaves = 5 + choose(s, 9);
    double squash = uniform(s, 0.5, 1), turn = uniform(s, 0, 2 * M_PI);
    for (int i = 0; i < leaves; i++) {
        double a = turn + i * 2.399963; /* the golden angle */
        double length = size * (1 - 0.5 * i / leaves) * uniform(s, 0.85, 1.1);
        spine p = spine_make(x, y, atan2(sin(a) * squash, cos(a)), length, uniform(s, -0.4, 0.4), 0);
        draw_leaf(s, k, &p, shade(leaf_tone(s), 0.75 + 0.4 * i / leaves), true);
    }
    if (chance(s, 0.25))
        draw_flower(s, k, x, y, size * uniform(s, 0.15, 0.4));
}

static void draw_rosettes(scene *s, const species *k)
{
    int count = 1 + choose(s, 6);
    double size = s->side * uniform(s, 0.3, 0.55) / sqrt(count);
    for (int i = 0; i < count; i++)
        draw_rosette(s, k, s->width * uniform(s, 0.2, 0.8), s->height * uniform(s, 0.2, 0.8), size);
}

/* An upright stem with pairs of leaves. */
static void draw_upright(scene *s, const species *k)
{
    int stems = 1 + choose(s, 3);
    for (int n = 0; n < stems; n++) {
        double height = s->side * uniform(s, 0.6, 1.05), leaf = height * uniform(s, 0.2, 0.4);
        spine stem = spine_make(s->width * uniform(s, 0.25, 0.75), s->height * uniform(s, 0.95, 1.1),
                                -M_PI / 2 + uniform(s, -0.2, 0.2), height, uniform(s, -0.4, 0.4), 0);
        draw_stem(s, &stem, height * 0.014, height * 0.006, shade(s->leaf[0], 1.2));
        for (int i = 3; i < SPINE_POINTS; i += 2)
            for (int side = -1; side <= 1; side += 2) {
                double up = atan2(stem.nx[i], -stem.ny[i]), size = leaf * (1.2 - 0.7 * i / SPINE_POINTS);
                spine p =
                    spine_make(stem.x[i], stem.y[i], up + side * uniform(s, 0.6, 1.2), size, side * 0.5, 0.3);
                draw_leaf(s, k, &p, leaf_tone(s), false);
            }
        if (chance(s, 0.4))
            draw_flower(s, k, stem.x[SPINE_POINTS - 1], stem.y[SPINE_POINTS - 1],
                        height * uniform(s, 0.06, 0.16));
    }
}

static void draw_leaf_close_up(scene *s, const species *k)
{
    int count = 1 + choose(s, 3);
    species smooth = *k; /* from near, teeth are small beside the leaf */
    smooth.serrate *= 0.3;
    smooth.veins += 3;
    for (int i = 0; i < count; i++) {
        double a = uniform(s, 0, 2 * M_PI), length = s->side * uniform(s, 0.6, 1.7);
        double x = s->width * uniform(s, 0.3, 0.7), y = s->height * uniform(s, 0.3, 0.7);
        spine p =
            spine_make(x - cos(a) * length / 2, y - sin(a) * length / 2, a, length, uniform(s, -0.4, 0.4), 0);
        draw_leaf(s, &smooth, &p, leaf_tone(s), true);
    }
}

static void draw_carpet(scene *s, const species *k)
{
    int count = 35 + choose(s, 25);
    double size = s->side * uniform(s, 0.12, 0.3);
    for (int i = 0; i < count; i++) {
        spine p =
            spine_make(uniform(s, -0.1, 1.1) * s->width, uniform(s, -0.1, 1.1) * s->height,
                       uniform(s, 0, 2 * M_PI), size * uniform(s, 0.6, 1.2), uniform(s, -0.5, 0.5), 0.2);
        draw_leaf(s, k, &p, shade(leaf_tone(s), 0.45 + 0.65 * i / count), i > count / 2);
    }
    if (chance(s, 0.3))
        for (int i = 0; i < 6; i++)
            draw_flower(s, k, uniform(s, 0, s->width), uniform(s, 0, s->height), size * uniform(s, 0.2, 0.4));
}

/* Three round leaflets, often with a pale band. */
static void draw_clover(scene *s, const species *k)
{
    int count = 3 + choose(s, 30);
    double size = s->side * uniform(s, 0.35, 0.7) / sqrt(count);
    bool banded = chance(s, 0.6);
    species leaflet = {.shape = LEAF_SPOON, .ratio = uniform(s, 0.8, 1.1), .veins = 4, .vein = k->vein};
    for (int n = 0; n < count; n++) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height), turn = uniform(s, 0, 2 * M_PI);
        colour c = shade(leaf_tone(s), 0.6 + 0.5 * n / count);
        spine stalk = spine_make(x, y, uniform(s, 0.8, 2.3), size, uniform(s, -0.5, 0.5), 0);
        draw_stem(s, &stalk, size * 0.04, size * 0.03, shade(c, 0.7));
        for (int i = 0; i < 3; i++) {
            spine p = spine_make(x, y, turn + i * 2 * M_PI / 3, size, 0, 0);
            draw_leaf(s, &leaflet, &p, c, true);
            if (banded)
                disc(s, p.x[9], p.y[9], size * 0.05, size * 0.25, turn + i * 2 * M_PI / 3, shade(c, 1.7),
                     0.6);
        }
    }
}

static void draw_vine(scene *s, const species *k)
{
    int vines = 1 + choose(s, 3);
    for (int n = 0; n < vines; n++) {
        double length = s->side * uniform(s, 1.2, 1.6), a = uniform(s, 0, 2 * M_PI);
        spine stem = spine_make(s->width / 2 - cos(a) * length / 2,
                                s->height * uniform(s, 0.2, 0.8) - sin(a) * length / 2, a, length,
                                uniform(s, -1.5, 1.5), 0);
        draw_stem(s, &stem, s->side * 0.01, s->side * 0.006, s->leaf[0]);
        for (int i = 1; i < SPINE_POINTS; i++) {
            double way = atan2(stem.nx[i], -stem.ny[i]) + (i % 2 ? 1 : -1) * uniform(s, 0.7, 1.4);
            spine p = spine_make(stem.x[i], stem.y[i], way, s->side * uniform(s, 0.12, 0.26),
                                 uniform(s, -0.4, 0.4), 0);
            draw_leaf(s, k, &p, leaf_tone(s), true);
        }
    }
}

void draw_weed(scene *s)
{
    static void (*const layouts[])(scene *, const species *) = {
        draw_rosettes, draw_upright, draw_leaf_close_up, draw_carpet, draw_clover, draw_vine};
    species k = choose_species(s);
    layouts[choose(s, 6)](s, &k);
}
