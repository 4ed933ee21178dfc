/* SPDX-License-Identifier: Apache-2.0
 * What JavaScript calls: the public API of winnow.h by numbers and pointers alone, so that no layout of a
 * struct is known on the other side. A function that fails returns 0 or a negative status; wg_error() tells
 * why. */
#include "runtime/preprocess.h"
#include "winnow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name)
#endif

enum { RESULT_VERDICT, RESULT_P_VALUE, RESULT_SIMILARITY, RESULT_CLASS, RESULT_PROBABILITY, RESULT_GAUGE };
enum { LESSON_COUNT = 14 };

static winnow_error error;
static double result[LESSON_COUNT]; /* of the last call that has numbers to tell */
static char text[128];
static void *made; /* bytes of the last gate that was learnt */
static size_t made_size;

EXPORT(wg_alloc) void *wg_alloc(size_t size)
{
    return malloc(size ? size : 1);
}

EXPORT(wg_free) void wg_free(void *memory)
{
    free(memory);
}

EXPORT(wg_error) const char *wg_error(void)
{
    return error.message;
}

EXPORT(wg_result) const double *wg_result(void)
{
    return result;
}

EXPORT(wg_version) const char *wg_version(void)
{
    return winnow_version();
}

/* ---- gates ---- */

EXPORT(wg_open) winnow_gate *wg_open(const void *bytes, size_t size)
{
    winnow_gate *gate;
    return winnow_gate_open_memory(bytes, size, &gate, &error) ? NULL : gate;
}

EXPORT(wg_close) void wg_close(winnow_gate *gate)
{
    winnow_gate_free(gate);
}

EXPORT(wg_metadata) const char *wg_metadata(const winnow_gate *gate, const char *key)
{
    return winnow_gate_metadata(gate, key);
}

EXPORT(wg_threshold) double wg_threshold(const winnow_gate *gate)
{
    return (double)winnow_gate_threshold(gate);
}

EXPORT(wg_false_reject) double wg_false_reject(const winnow_gate *gate)
{
    return (double)winnow_gate_false_reject(gate);
}

EXPORT(wg_embedding_size) int wg_embedding_size(const winnow_gate *gate)
{
    return winnow_gate_embedding_size(gate);
}

EXPORT(wg_class_count) int wg_class_count(const winnow_gate *gate)
{
    return winnow_gate_class_count(gate);
}

EXPORT(wg_class_name) const char *wg_class_name(const winnow_gate *gate, int index)
{
    return winnow_gate_class_name(gate, index);
}

EXPORT(wg_session) winnow_session *wg_session(const winnow_gate *gate)
{
    winnow_session *session;
    return winnow_session_create(gate, &session, &error) ? NULL : session;
}

EXPORT(wg_session_free) void wg_session_free(winnow_session *session)
{
    winnow_session_free(session);
}

/* Pixels without gaps between rows; the planes of NV12 and I420 follow one another. */
static winnow_image image_of(const uint8_t *pixels, int width, int height, int format, int orientation)
{
    static const int bytes[] = {3, 3, 4, 4, 1, 1, 1};
    winnow_image image = {
        .plane = {pixels},
        .stride = {(ptrdiff_t)width * (format >= 0 && format <= WINNOW_I420 ? bytes[format] : 0)},
        .width = width,
        .height = height,
        .format = (winnow_pixel_format)format,
        .orientation = orientation};
    const ptrdiff_t half = (width + 1) / 2, luma = (ptrdiff_t)width * height;
    if (format == WINNOW_NV12) {
        image.plane[1] = pixels + luma;
        image.stride[1] = 2 * half;
    } else if (format == WINNOW_I420) {
        image.plane[1] = pixels + luma;
        image.plane[2] = image.plane[1] + half * ((height + 1) / 2);
        image.stride[1] = image.stride[2] = half;
    }
    return image;
}

/* Means over frames lead the steadied verdict by a moment: the gauge waits for it at half. */
static double gauge_of(const winnow_gate *gate, const winnow_result *r)
{
    const float gauge = winnow_gauge(gate, r->similarity, r->p_value);
    return (double)(r->verdict == WINNOW_NORMAL ? fmaxf(gauge, 0.5f) : fminf(gauge, 0.5f));
}

static void tell(const winnow_gate *gate, const winnow_result *r)
{
    result[RESULT_VERDICT] = r->verdict;
    result[RESULT_P_VALUE] = (double)r->p_value;
    result[RESULT_SIMILARITY] = (double)r->similarity;
    result[RESULT_CLASS] = r->class_index;
    result[RESULT_PROBABILITY] = (double)r->class_probability;
    result[RESULT_GAUGE] = gauge_of(gate, r);
}

EXPORT(wg_score)
int wg_score(const winnow_gate *gate, winnow_session *session, const uint8_t *pixels, int width, int height,
             int format, int orientation)
{
    const winnow_image image = image_of(pixels, width, height, format, orientation);
    winnow_result r;
    if (winnow_score(session, &image, &r, &error))
        return -(int)error.code;
    tell(gate, &r);
    return 1;
}

EXPORT(wg_embed)
int wg_embed(winnow_session *session, const uint8_t *pixels, int width, int height, int format,
             int orientation, float *embedding)
{
    const winnow_image image = image_of(pixels, width, height, format, orientation);
    return winnow_embed(session, &image, embedding, &error) ? -(int)error.code : 1;
}

/* rgb[size * size * 3]: the square that the network sees, before normalisation. For the tests, which hold
 * every build to the same bytes. */
EXPORT(wg_square)
int wg_square(const uint8_t *pixels, int width, int height, int format, int orientation, int size, int crop,
              uint8_t *rgb)
{
    const wn_preprocess preprocess = {.size = size, .fit = crop ? WN_FIT_CROP : WN_FIT_STRETCH};
    const winnow_image image = image_of(pixels, width, height, format, orientation);
    const size_t bytes = wn_preprocess_scratch(&preprocess, width, height);
    void *scratch = malloc(bytes ? bytes : 1);
    const winnow_status status = scratch
                                     ? wn_preprocess_bytes(&preprocess, &image, rgb, scratch, bytes, &error)
                                     : wn_fail_memory(&error);
    free(scratch);
    return status ? -(int)status : 1;
}

/* ---- live video ---- */

EXPORT(wg_stream) winnow_stream *wg_stream(void)
{
    winnow_stream *stream = malloc(sizeof *stream);
    if (stream)
        winnow_stream_init(stream);
    return stream;
}

EXPORT(wg_stream_update)
int wg_stream_update(const winnow_gate *gate, winnow_stream *stream, int verdict, double p_value,
                     double similarity, int class_index, double probability, double seconds)
{
    const winnow_result frame = {.verdict = (winnow_verdict)verdict,
                                 .p_value = (float)p_value,
                                 .similarity = (float)similarity,
                                 .class_index = class_index,
                                 .class_probability = (float)probability};
    winnow_result shown;
    if (winnow_stream_update(stream, &frame, seconds, &shown, &error))
        return -(int)error.code;
    tell(gate, &shown);
    return 1;
}

/* ---- teaching ---- */

EXPORT(wg_learner) winnow_learner *wg_learner(const void *bytes, size_t size)
{
    winnow_learner *learner;
    return winnow_learner_create(bytes, size, &learner, &error) ? NULL : learner;
}

EXPORT(wg_learner_free) void wg_learner_free(winnow_learner *learner)
{
    winnow_learner_free(learner);
}

EXPORT(wg_learner_promise)
int wg_learner_promise(winnow_learner *learner, double false_reject, double confidence)
{
    return winnow_learner_promise(learner, false_reject, confidence, &error) ? -(int)error.code : 1;
}

EXPORT(wg_learner_source) int wg_learner_source(winnow_learner *learner, const char *name)
{
    return winnow_learner_source(learner, name, &error) ? -(int)error.code : 1;
}

EXPORT(wg_learner_add)
int wg_learner_add(winnow_learner *learner, const uint8_t *pixels, int width, int height, int format,
                   int orientation, int label)
{
    const winnow_image image = image_of(pixels, width, height, format, orientation);
    return winnow_learner_add(learner, &image, (winnow_label)label, &error) ? -(int)error.code : 1;
}

EXPORT(wg_learner_reset) void wg_learner_reset(winnow_learner *learner)
{
    winnow_learner_reset(learner);
}

EXPORT(wg_learner_count) int wg_learner_count(const winnow_learner *learner, int label)
{
    return winnow_learner_count(learner, (winnow_label)label);
}

EXPORT(wg_learner_needed) int wg_learner_needed(const winnow_learner *learner)
{
    return winnow_learner_needed(learner);
}

EXPORT(wg_learner_describe) const char *wg_learner_describe(const winnow_learner *learner)
{
    winnow_learner_describe(learner, text, sizeof text);
    return text;
}

static void tell_shares(double *to, const winnow_lesson_shares *shares)
{
    to[0] = shares->rejected;
    to[1] = shares->accepted;
    to[2] = shares->new_rejected;
    to[3] = shares->new_accepted;
}

/* The new gate's bytes, until the next call; their number is wg_made_size. NULL where it cannot be learnt. */
EXPORT(wg_learner_learn) const void *wg_learner_learn(winnow_learner *learner)
{
    winnow_bytes_free(made);
    made = NULL;
    made_size = 0;
    winnow_lesson lesson;
    if (winnow_learner_learn(learner, &made, &made_size, &lesson, &error))
        return NULL;
    const int counts[] = {lesson.normals,       lesson.abnormals, lesson.new_normals,
                          lesson.new_abnormals, lesson.replaced,  lesson.sources};
    for (int i = 0; i < 6; i++)
        result[i] = counts[i];
    tell_shares(result + 6, &lesson.before);
    tell_shares(result + 10, &lesson.after);
    return made;
}

EXPORT(wg_made_size) size_t wg_made_size(void)
{
    return made_size;
}
