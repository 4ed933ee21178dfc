/* SPDX-License-Identifier: Apache-2.0 */
#include "drawing.h"
#include "../library/library.h"

struct drawing cairo;

bool drawing_load(void)
{
    return WN_LIBRARY_LOAD(WN_CAIRO_LIBRARY, "cairo_", DRAWING_FUNCTIONS, &cairo);
}
