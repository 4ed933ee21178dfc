/* SPDX-License-Identifier: Apache-2.0
 *
 * Built-in pictures, drawn with cairo: enough to try the whole job, and to test it, where no photos are at
 * hand.
 *
 * A scene is a place (ground, light, plant colours, camera) and a subject in it. The kind decides the subject
 * alone: places are drawn from the same distribution for every kind, and the colours of other things are
 * often those of leaves, so that neither background nor colour tells the kinds apart. */
#ifndef SYNTH_H
#define SYNTH_H

#include "winnow.h"

typedef enum synth_kind {
    SYNTH_NORMAL, /* a rice-like crop: narrow blades with parallel veins, alone, in hills, rows or canopies */
    SYNTH_LOOKALIKE, /* other plants: broad leaves, clover, maize, thread grasses, sedges, ferns, bamboo */
    SYNTH_OTHER      /* everything else: rooms, streets, animals, faces, text, screens, walls, bare ground */
} synth_kind;

enum { SYNTH_KINDS = 3, SYNTH_MIN_SIDE = 32, SYNTH_MAX_SIDE = 4096 };

/* "normal", "lookalike", "other". Static storage. */
const char *synth_kind_name(synth_kind kind);

/* Draws a picture of that kind into rgb[width*height*3]: the same bytes for the same arguments on the same
 * build (compilers, cairo and libm differ in details). Sides are SYNTH_MIN_SIDE to SYNTH_MAX_SIDE.
 * Thread-safe. */
winnow_status synth_scene(synth_kind kind, uint64_t seed, int width, int height, uint8_t *rgb,
                          winnow_error *error);

/* The same at a given place: the pictures of one place (> 0) share their few grounds, light, variety of
 * plants and camera, as photos taken on one plot do. Place 0 is anywhere, a new place for every seed. */
winnow_status synth_scene_at(synth_kind kind, uint64_t place, uint64_t seed, int width, int height,
                             uint8_t *rgb, winnow_error *error);

#endif
