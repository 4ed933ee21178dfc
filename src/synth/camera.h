/* SPDX-License-Identifier: Apache-2.0
 * From the drawing to what a camera would have made of it. */
#ifndef SYNTH_CAMERA_H
#define SYNTH_CAMERA_H

#include "paint.h"

/* Soft focus, warmth, exposure, vignette and noise of the scene's place; writes rgb[width*height*3]. */
void camera_take(scene *s, uint8_t *rgb);

#endif
