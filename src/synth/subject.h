/* SPDX-License-Identifier: Apache-2.0
 * What a scene shows, drawn over its ground. */
#ifndef SYNTH_SUBJECT_H
#define SYNTH_SUBJECT_H

#include "paint.h"

/* crop.c: a close-up, a hill, rows or a canopy of the crop */
void draw_crop(scene *s);

/* weeds.c and grasses.c: another plant */
void draw_weed(scene *s);
void draw_grass(scene *s);

/* things.c, views.c, patterns.c: anything that is no plant to speak of */
void draw_thing(scene *s);
void draw_view(scene *s);
void draw_pattern(scene *s);

#endif
