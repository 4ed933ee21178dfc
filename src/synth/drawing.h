/* SPDX-License-Identifier: Apache-2.0
 * cairo, loaded when the first picture is drawn: cairo_fill() is called cairo.fill(). */
#ifndef SYNTH_DRAWING_H
#define SYNTH_DRAWING_H

#include <cairo.h>
#include <stdbool.h>

#define DRAWING_FUNCTIONS(X)                                                                                 \
    X(arc)                                                                                                   \
    X(close_path)                                                                                            \
    X(create)                                                                                                \
    X(curve_to)                                                                                              \
    X(destroy)                                                                                               \
    X(fill)                                                                                                  \
    X(image_surface_create)                                                                                  \
    X(image_surface_get_data)                                                                                \
    X(image_surface_get_stride)                                                                              \
    X(line_to)                                                                                               \
    X(move_to)                                                                                               \
    X(paint)                                                                                                 \
    X(pattern_add_color_stop_rgb)                                                                            \
    X(pattern_add_color_stop_rgba)                                                                           \
    X(pattern_create_linear)                                                                                 \
    X(pattern_create_radial)                                                                                 \
    X(pattern_destroy)                                                                                       \
    X(rectangle)                                                                                             \
    X(restore)                                                                                               \
    X(rotate)                                                                                                \
    X(save)                                                                                                  \
    X(scale)                                                                                                 \
    X(set_antialias)                                                                                         \
    X(set_line_cap)                                                                                          \
    X(set_line_join)                                                                                         \
    X(set_line_width)                                                                                        \
    X(set_source)                                                                                            \
    X(set_source_rgba)                                                                                       \
    X(status)                                                                                                \
    X(stroke)                                                                                                \
    X(surface_destroy)                                                                                       \
    X(surface_flush)                                                                                         \
    X(surface_mark_dirty)                                                                                    \
    X(translate)

#define DRAWING_POINTER(name) __typeof__(&cairo_##name) name;
extern struct drawing {
    DRAWING_FUNCTIONS(DRAWING_POINTER)
} cairo;

/* False where cairo is missing. To be called before anything is drawn. */
bool drawing_load(void);

#endif
