/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with photos, found by their looks and their features: for `winnow audit` and the report of
 * `winnow train`. */
#include "audit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct audit {
    const audit_photos *in;
    wn_pool *pool;
    audit_result *result;
    char **message; /* [count], of what cannot be read; owned */
    bool short_of_memory;
} audit;

static void find(audit *a, audit_kind kind, size_t photo, size_t other, double value, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static void find(audit *a, audit_kind kind, size_t photo, size_t other, double value, const char *format, ...)
{
    char note[3 * 4096 + 256]; /* of three paths */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    audit_result *result = a->result;
    const size_t count = result->findings;
    if ((count & (count - 1)) == 0) { /* room for the next power of two */
        audit_finding *more = realloc(result->finding, (count ? 2 * count : 1) * sizeof *more);
        if (!more) {
            a->short_of_memory = true;
            return;
        }
        result->finding = more;
    }
    result->finding[result->findings++] = (audit_finding){kind, photo, other, value, strdup(note)};
    a->short_of_memory |= !result->finding[count].note;
}

static int by_kind(const void *left, const void *right)
{
    const audit_finding *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    return a->photo < b->photo ? -1 : a->photo > b->photo;
}

static void find_pair(void *context, size_t i, size_t j, bool copy)
{
    audit *a = context;
    const bool apart = a->in->label[i] != a->in->label[j];
    find(a, copy ? AUDIT_COPY : AUDIT_NEAR, j, i, apart, "%s %s%s",
         copy ? "the same as" : "looks the same as", a->in->path[i], apart ? ", in another folder" : "");
}

/* "photo.jpg: ends too early" -> "ends too early": the path stands beside it. */
static const char *without_path(const char *message, const char *path)
{
    const size_t length = strlen(path);
    return !strncmp(message, path, length) && !strncmp(message + length, ": ", 2) ? message + length + 2
                                                                                  : message;
}

static void find_by_looks(audit *a)
{
    for (size_t i = 0; i < a->in->count; i++) {
        const wn_audit_photo *p = &a->result->photo[i];
        const double side = sqrt((double)p->width * p->height);
        if (!p->readable) {
            find(a, AUDIT_UNREADABLE, i, i, 0, "%s",
                 a->message[i] ? without_path(a->message[i], a->in->path[i]) : "cannot be read");
            continue;
        }
        if (p->sharpness < WN_AUDIT_BLURRED)
            find(a, AUDIT_BLURRED, i, i, (double)-p->sharpness, "sharpness %.1f; below %g",
                 (double)p->sharpness, (double)WN_AUDIT_BLURRED);
        if (p->brightness < WN_AUDIT_DARK)
            find(a, AUDIT_DARK, i, i, (double)-p->brightness, "mean brightness %.0f%%",
                 100 * (double)p->brightness);
        if (side < WN_AUDIT_TINY)
            find(a, AUDIT_TINY, i, i, -side, "%d x %d pixels", p->width, p->height);
    }
}

/* What the features say of each photo. */
typedef struct opinion {
    float *own, *doubt; /* as in src/train/audit.h */
    size_t *nearest;
} opinion;

static bool is_of(const audit *a, size_t i, size_t folder)
{
    return a->in->label[i] == (int)folder && a->result->photo[i].readable;
}

static void find_mislabelled(audit *a, size_t i, const opinion *o)
{
    const size_t nearest = o->nearest[i];
    find(a, AUDIT_MISLABELLED, i, nearest, (double)o->doubt[i],
         "more like the photos of %s than of %s (%.0f%%); the nearest there: %s",
         a->result->folder[a->in->label[nearest]], a->result->folder[a->in->label[i]],
         100 * (double)o->doubt[i], a->in->path[nearest]);
}

/* Photos that a gate made of the others takes for another folder's; and those that are near to nothing: more
 * than 4 standard deviations below the mean nearness of their folder. */
static void find_by_features(audit *a, const opinion *o)
{
    const double far_off = 4;
    for (size_t folder = 0; folder < a->result->folders; folder++) {
        double sum = 0, squares = 0;
        size_t count = 0;
        for (size_t i = 0; i < a->in->count; i++)
            if (is_of(a, i, folder)) {
                sum += (double)o->own[i];
                squares += (double)o->own[i] * (double)o->own[i];
                count++;
            }
        const double mean = count ? sum / (double)count : 0;
        const double deviation = count ? sqrt(fmax(squares / (double)count - mean * mean, 1e-12)) : 1;
        for (size_t i = 0; i < a->in->count && count >= WN_AUDIT_FEW; i++) {
            if (!is_of(a, i, folder))
                continue;
            const double off = (mean - (double)o->own[i]) / deviation;
            if (o->nearest[i] != i && o->doubt[i] > WN_AUDIT_DOUBT)
                find_mislabelled(a, i, o);
            else if (off > far_off)
                find(a, AUDIT_ODD, i, i, off,
                     "like no other photo here (cosine %.3f with the nearest, %.3f is usual)",
                     (double)o->own[i], mean);
        }
    }
}

static void look_at(void *context, int index, int worker)
{
    (void)worker;
    audit *a = context;
    codec_picture picture;
    winnow_error error;
    if (codec_decode_file(a->in->path[index], WN_AUDIT_TARGET, &picture, &error)) {
        a->message[index] = strdup(error.message);
        return;
    }
    if (!wn_audit_measure(&picture, &a->result->photo[index]))
        a->result->photo[index].readable = false;
    codec_picture_free(&picture);
}

static winnow_status ask(audit *a, opinion *o, winnow_error *error)
{
    const audit_photos *in = a->in;
    const size_t count = in->count;
    o->own = malloc((count + 1) * sizeof *o->own);
    o->doubt = malloc((count + 1) * sizeof *o->doubt);
    o->nearest = malloc((count + 1) * sizeof *o->nearest);
    if (!o->own || !o->doubt || !o->nearest)
        return wn_fail_memory(error);
    wn_audit_nearness(in->feature, in->label, a->result->photo, count, in->dim, a->pool, o->own, o->nearest);
    return wn_audit_doubt(in->feature, in->label, (int)a->result->folders, a->result->photo, count, in->dim,
                          a->pool, o->doubt, error);
}

static winnow_status compare(audit *a, winnow_error *error)
{
    wn_audit_pairs(a->result->photo, a->in->count, a->in->feature, a->in->dim, find_pair, a);
    if (!a->in->feature)
        return WINNOW_OK;
    opinion o = {0};
    winnow_status status = ask(a, &o, error);
    if (!status)
        find_by_features(a, &o);
    free(o.own);
    free(o.doubt);
    free(o.nearest);
    return status;
}

winnow_status audit_find(const audit_photos *photos, wn_pool *pool, audit_result *result, winnow_error *error)
{
    audit a = {photos, pool, result, calloc(photos->count + 1, sizeof(char *)), false};
    result->path = photos->path;
    result->count = photos->count;
    result->compared = photos->feature != NULL;
    result->photo = calloc(photos->count + 1, sizeof *result->photo);
    if (!a.message || !result->photo) {
        free(a.message);
        return wn_fail_memory(error);
    }
    wn_pool_run(pool, (int)photos->count, look_at, &a);
    find_by_looks(&a);
    winnow_status status = compare(&a, error);
    if (!status && a.short_of_memory)
        status = wn_fail_memory(error);
    if (result->findings)
        qsort(result->finding, result->findings, sizeof *result->finding, by_kind);
    for (size_t i = 0; i < photos->count; i++)
        free(a.message[i]);
    free(a.message);
    return status;
}

void audit_result_free(audit_result *result)
{
    for (size_t i = 0; i < result->findings; i++)
        free(result->finding[i].note);
    free(result->finding);
    free(result->photo);
    result->finding = NULL;
    result->photo = NULL;
    result->findings = 0;
}
