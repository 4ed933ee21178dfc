/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include "../runtime/resample.h"
#include "../runtime/vector.h"

#include <stdlib.h>

enum { SIDE = 256, ACROSS = 9, DOWN = 8, NEAREST = 5 };

/* ---- one photo ---- */

/* FNV-1a over the size and the pixels, eight bytes at a time. */
static uint64_t hash_pixels(const codec_picture *picture)
{
    const size_t size = (size_t)picture->width * (size_t)picture->height * 3;
    uint64_t hash =
        0xcbf29ce484222325u ^ ((uint64_t)picture->full_width << 32 | (uint32_t)picture->full_height);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, picture->rgb + at, size - at < 8 ? size - at : 8);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash;
}

static int luma(const uint8_t *rgb)
{
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
}

/* The picture at another size, as luma: out (height, width). */
static bool shrink(const codec_picture *picture, int width, int height, uint8_t *out)
{
    const size_t count = (size_t)width * (size_t)height;
    uint8_t *rgb = malloc(count * 3);
    void *scratch =
        aligned_alloc(64, (wn_resize_scratch(picture->width, picture->height, width, height) + 63) / 64 * 64);
    const bool ready = rgb && scratch;
    if (ready) {
        wn_resize_rgb(picture->rgb, (ptrdiff_t)picture->width * 3, picture->width, picture->height, 0, 0,
                      picture->width, picture->height, rgb, (ptrdiff_t)width * 3, width, height, scratch);
        for (size_t i = 0; i < count; i++)
            out[i] = (uint8_t)luma(rgb + 3 * i);
    }
    free(rgb);
    free(scratch);
    return ready;
}

static void look_closely(const uint8_t *grey, int width, int height, wn_audit_photo *photo)
{
    double sum = 0, edges = 0;
    for (int i = 0; i < width * height; i++)
        sum += grey[i];
    for (int y = 1; y + 1 < height; y++)
        for (int x = 1; x + 1 < width; x++) {
            const uint8_t *at = grey + y * width + x;
            const int laplacian = at[-1] + at[1] + at[-width] + at[width] - 4 * at[0];
            edges += laplacian * laplacian;
        }
    photo->brightness = (float)(sum / (255.0 * width * height));
    photo->sharpness = (float)(edges / ((double)(width - 2) * (height - 2)));
}

bool wn_audit_measure(const codec_picture *picture, wn_audit_photo *photo)
{
    const int width = picture->width < SIDE ? picture->width : SIDE,
              height = picture->height < SIDE ? picture->height : SIDE;
    uint8_t small[ACROSS * DOWN], *grey = malloc((size_t)width * (size_t)height);
    const bool done = grey && shrink(picture, width, height, grey) && shrink(picture, ACROSS, DOWN, small);
    *photo = (wn_audit_photo){.readable = true, .width = picture->full_width, .height = picture->full_height};
    if (done) {
        photo->pixels = hash_pixels(picture);
        look_closely(grey, width, height, photo);
        for (int y = 0; y < DOWN; y++)
            for (int x = 0; x + 1 < ACROSS; x++)
                photo->look = photo->look << 1 | (small[y * ACROSS + x] > small[y * ACROSS + x + 1]);
    }
    free(grey);
    return done;
}

/* ---- pairs ---- */

static bool same_look(const wn_audit_photo *a, const wn_audit_photo *b)
{
    return a->look && b->look && __builtin_popcountll(a->look ^ b->look) <= WN_AUDIT_LOOK;
}

void wn_audit_pairs(const wn_audit_photo *photo, size_t count, const float *feature, int dim,
                    wn_audit_pair pair, void *context)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count && photo[i].readable; j++) {
            if (!photo[j].readable)
                continue;
            const bool copy = photo[i].pixels == photo[j].pixels;
            const int bits = __builtin_popcountll(photo[i].look ^ photo[j].look);
            bool near = same_look(&photo[i], &photo[j]);
            if (feature && bits <= WN_AUDIT_LOOK_FAR) {
                const float cosine = wn_dot(feature + i * (size_t)dim, feature + j * (size_t)dim, dim);
                near = cosine >= (near ? WN_AUDIT_COSINE : WN_AUDIT_COSINE_FAR);
            }
            if (copy || near)
                pair(context, i, j, copy);
        }
}

bool wn_audit_same(const wn_audit_photo *a, const wn_audit_photo *b)
{
    return a->pixels == b->pixels || same_look(a, b);
}

/* ---- nearness ---- */

typedef struct nearness {
    const float *feature;
    const int *label;
    const wn_audit_photo *photo;
    size_t count;
    int dim;
    float *own;
    size_t *nearest;
} nearness;

/* best[NEAREST], descending. */
static void keep(float *best, int *found, float cosine)
{
    if (*found == NEAREST && cosine <= best[NEAREST - 1])
        return;
    int at = *found < NEAREST ? (*found)++ : NEAREST - 1;
    for (; at > 0 && best[at - 1] < cosine; at--)
        best[at] = best[at - 1];
    best[at] = cosine;
}

static float mean_of(const float *best, int found)
{
    float sum = 0;
    for (int i = 0; i < found; i++)
        sum += best[i];
    return found ? sum / (float)found : -1;
}

static void compare_one(void *context, int index, int worker)
{
    (void)worker;
    const nearness *n = context;
    const size_t i = (size_t)index, dim = (size_t)n->dim;
    float best[NEAREST], best_other = -2;
    int found = 0;
    n->nearest[i] = i;
    for (size_t j = 0; j < n->count && n->photo[i].readable; j++) {
        const wn_audit_photo *a = &n->photo[i], *b = &n->photo[j];
        if (j == i || !b->readable || wn_audit_same(a, b))
            continue;
        const float cosine = wn_dot(n->feature + i * dim, n->feature + j * dim, n->dim);
        if (n->label[i] == n->label[j]) {
            keep(best, &found, cosine);
        } else if (cosine > best_other) {
            best_other = cosine;
            n->nearest[i] = j;
        }
    }
    n->own[i] = mean_of(best, found);
}

void wn_audit_nearness(const float *feature, const int *label, const wn_audit_photo *photo, size_t count,
                       int dim, wn_pool *pool, float *own, size_t *nearest)
{
    nearness n = {feature, label, photo, count, dim, own, nearest};
    wn_pool_run(pool, (int)count, compare_one, &n);
}
