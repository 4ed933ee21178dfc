/* SPDX-License-Identifier: Apache-2.0 */
#include "synth.h"
#include "../runtime/error.h"
#include "camera.h"
#include "place.h"
#include "subject.h"

#include <math.h>

const char *synth_kind_name(synth_kind kind)
{
    static const char *const names[SYNTH_KINDS] = {"normal", "lookalike", "other"};
    return names[kind];
}

static void draw_subject(scene *s, synth_kind kind)
{
    if (kind == SYNTH_NORMAL)
        draw_crop(s);
    else if (kind == SYNTH_LOOKALIKE)
        (chance(s, 0.5) ? draw_weed : draw_grass)(s);
    else
        (chance(s, 0.4) ? draw_thing : chance(s, 0.6) ? draw_view : draw_pattern)(s);
}

/* Shadows of things outside the picture, and glare: over everything, in every kind. */
static void draw_light(scene *s)
{
    if (s->place.shadow > 0.25 && chance(s, 0.4)) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height), r = s->side * uniform(s, 0.3, 0.7);
        wn_random outline = s->random;
        for (int soft = 0; soft < 4; soft++) {
            s->random = outline; /* the same outline, larger */
            blob_path(s, x, y, r * (1 + 0.05 * soft), r * (0.7 + 0.05 * soft), 0.3);
            use(s, (colour){0, 0, 0.04}, s->place.shadow * 0.25);
            cairo.fill(s->cairo);
        }
    }
    if (chance(s, 0.15)) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height), r = s->side * uniform(s, 0.3, 1);
        cairo_pattern_t *glare = cairo.pattern_create_radial(x, y, 0, x, y, r);
        cairo.pattern_add_color_stop_rgba(glare, 0, 1, 1, 0.95, uniform(s, 0.2, 0.6));
        cairo.pattern_add_color_stop_rgba(glare, 1, 1, 1, 0.95, 0);
        cairo.set_source(s->cairo, glare);
        cairo.paint(s->cairo);
        cairo.pattern_destroy(glare);
    }
}

static void draw(scene *s, synth_kind kind)
{
    cairo.set_antialias(s->cairo, CAIRO_ANTIALIAS_FAST);
    cairo.set_line_cap(s->cairo, CAIRO_LINE_CAP_ROUND);
    cairo.set_line_join(s->cairo, CAIRO_LINE_JOIN_ROUND);
    place_enter(s);
    draw_ground(s);
    /* Nobody holds a phone straight; the subject leans, the ground has no direction to speak of. */
    cairo.save(s->cairo);
    cairo.translate(s->cairo, s->width / 2, s->height / 2);
    cairo.rotate(s->cairo, uniform(s, -0.25, 0.25));
    cairo.translate(s->cairo, -s->width / 2, -s->height / 2);
    draw_subject(s, kind);
    cairo.restore(s->cairo);
    draw_ground_front(s);
    draw_light(s);
}

winnow_status synth_scene_at(synth_kind kind, uint64_t at, uint64_t seed, int width, int height, uint8_t *rgb,
                             winnow_error *error)
{
    if ((unsigned)kind >= SYNTH_KINDS || !rgb)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "synth: no such kind of scene, or nowhere to draw it");
    if (width < SYNTH_MIN_SIDE || height < SYNTH_MIN_SIDE || width > SYNTH_MAX_SIDE ||
        height > SYNTH_MAX_SIDE)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "synth: %dx%d: expected sides of %d to %d pixels",
                       width, height, SYNTH_MIN_SIDE, SYNTH_MAX_SIDE);
    if (!drawing_load())
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "synth: drawing needs cairo: install %s",
                       WN_CAIRO_LIBRARY);
    scene s = {.width = width, .height = height, .side = fmin(width, height)};
    wn_random_seed(&s.random, seed, 2 + (uint64_t)kind);
    s.place = place_make(at ? at : wn_random_next(&s.random));
    s.surface = cairo.image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    s.cairo = cairo.create(s.surface);
    winnow_status status = WINNOW_OK;
    if (cairo.status(s.cairo) == CAIRO_STATUS_SUCCESS)
        draw(&s, kind);
    if (cairo.status(s.cairo) == CAIRO_STATUS_SUCCESS)
        camera_take(&s, rgb);
    else
        status = wn_fail_memory(error);
    cairo.destroy(s.cairo);
    cairo.surface_destroy(s.surface);
    return status;
}

winnow_status synth_scene(synth_kind kind, uint64_t seed, int width, int height, uint8_t *rgb,
                          winnow_error *error)
{
    return synth_scene_at(kind, 0, seed, width, height, rgb, error);
}
