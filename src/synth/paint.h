/* SPDX-License-Identifier: Apache-2.0
 * What every part of a scene is drawn with: the scene's state, random choices, colours, strips and blobs. */
#ifndef SYNTH_PAINT_H
#define SYNTH_PAINT_H

#include "../runtime/random.h"
#include "drawing.h"

#include <stdbool.h>

typedef struct colour {
    double r, g, b; /* 0 to 1, sRGB */
} colour;

typedef enum ground_kind {
    GROUND_SOIL,
    GROUND_WATER,
    GROUND_MULCH,
    GROUND_CONCRETE,
    GROUND_SKY,
    GROUND_PAPER,
    GROUND_HAND,
    GROUND_GREY,
    GROUND_FOLIAGE, /* out of focus */
    GROUND_WALL,
    GROUND_KINDS
} ground_kind;

/* What the pictures of one place have in common. */
typedef struct place {
    ground_kind grounds[3];
    double light;           /* direction that it comes from, radians */
    double shadow;          /* depth of cast shadows: 0 overcast to 0.5 sun */
    colour warmth;          /* gain of each channel */
    double exposure;        /* stops */
    double hue, value;      /* of leaves */
    double noise, vignette; /* camera */
} place;

typedef struct scene {
    cairo_t *cairo;
    cairo_surface_t *surface;
    wn_random random;
    double width, height, side; /* pixels; side is the shorter one */
    place place;
    ground_kind ground;
    colour leaf[3];  /* shadow, middle, light tone of this scene's plants */
    colour paint[4]; /* of other things; often leaf-like */
    colour skin;
} scene;

/* ---- random choices ---- */
double uniform(scene *s, double low, double high);
int choose(scene *s, int count); /* 0 to count-1 */
bool chance(scene *s, double probability);

/* ---- colours ---- */
colour hsv(double hue, double saturation, double value); /* hue in degrees, any; the others are clamped */
colour mix(colour a, colour b, double share_of_b);
colour shade(colour c, double factor); /* darker below 1, lighter above */
colour leaf_tone(scene *s);            /* a tone of this scene's plants, jittered */
colour any_paint(scene *s);            /* one of scene.paint, jittered */
void use(scene *s, colour c, double alpha);

/* ---- shapes; all leave the path empty and the state as it was ---- */

/* Fills the current path with light falling across it: brighter towards the light of the place. */
void fill_lit(scene *s, colour c, double x, double y, double radius);

void disc(scene *s, double x, double y, double rx, double ry, double angle, colour c, double alpha);
void line(scene *s, double x0, double y0, double x1, double y1, double width, colour c, double alpha);
void box(scene *s, double x, double y, double w, double h, colour c);
void quad(scene *s, const double xy[8], colour c);

/* Adds a closed smooth curve of about that radius to the path; rough 0 is a circle, 0.5 a cloud. */
void blob_path(scene *s, double x, double y, double rx, double ry, double rough);

/* A curve along which leaves, stems, fingers and cables are drawn. */
enum { SPINE_POINTS = 17 };
typedef struct spine {
    double x[SPINE_POINTS], y[SPINE_POINTS];   /* from base to tip */
    double nx[SPINE_POINTS], ny[SPINE_POINTS]; /* unit normals, to the left of the way */
    double length;
} spine;

/* From (x, y) at `angle` (radians, 0 right, pi/2 down), turning by `bend` in all, most of it towards the tip;
 * droop > 0 pulls the tip down as a heavy blade's. */
spine spine_make(double x, double y, double angle, double length, double bend, double droop);

/* Adds the strip between fractions a and b (-1 right edge, 1 left edge) of the half-width half[] to the path.
 */
void strip_path(scene *s, const spine *p, const double *half, double a, double b);
/* Strokes the line at fraction a of the half-width, from point `from` to point `to`. */
void strip_line(scene *s, const spine *p, const double *half, double a, int from, int to, double width,
                colour c, double alpha);
/* A tapering stem, cable or finger: half-width w0 at the base, w1 at the tip; round ends. */
void draw_stem(scene *s, const spine *p, double w0, double w1, colour c);

/* ---- textures over the whole picture ---- */

typedef struct texture {
    colour low, middle, high;
    double grain_x, grain_y; /* size of the coarsest grains as a share of the picture's side */
    double angle;
    int octaves;     /* 1 to 5 */
    double contrast; /* 1: values spread over the ramp as they come */
} texture;
void fill_texture(scene *s, const texture *t);

#endif
