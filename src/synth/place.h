/* SPDX-License-Identifier: Apache-2.0
 * Where a scene is: light, colours, ground. The same for every kind of picture. */
#ifndef SYNTH_PLACE_H
#define SYNTH_PLACE_H

#include "paint.h"

place place_make(uint64_t seed);

/* Chooses this scene's ground, tones and paints from its place. */
void place_enter(scene *s);

/* Covers the whole picture with the scene's ground. */
void draw_ground(scene *s);

/* What of the ground comes before the subject: the thumb of the hand that holds it. */
void draw_ground_front(scene *s);

/* A finger or a strip of skin along the spine. */
void draw_finger(scene *s, const spine *p, double width);

#endif
