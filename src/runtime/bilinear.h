/* SPDX-License-Identifier: Apache-2.0
 * OpenCV's bilinear resize, for the reference recipe. */
#ifndef WN_BILINEAR_H
#define WN_BILINEAR_H

#include "winnow.h"

#include <stdbool.h>

/* What cv2.resize(picture, (size, size)) gives for the upright RGB picture, bit for bit; with `crop`, for its
 * centred square. image must have passed wn_image_check. scratch: wn_bilinear_scratch(size) bytes. */
size_t wn_bilinear_scratch(int size);
void wn_bilinear_opencv(const winnow_image *image, bool crop, int size, uint8_t *rgb, void *scratch);

#endif
