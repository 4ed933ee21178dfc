/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with photos before they are trained on: how they look by themselves, which are the same
 * picture, and which do not look like their folder. */
#ifndef WN_AUDIT_H
#define WN_AUDIT_H

#include "../codec/codec.h"
#include "pool.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct wn_audit_photo {
    bool readable;
    int width, height; /* in the file, upright */
    float brightness;  /* mean luma, 0 to 1 */
    float sharpness;   /* mean square of the Laplacian of the luma (0 to 255) at a side of 256 or less */
    uint64_t look; /* difference hash: 9 x 8 luma, a bit where a pixel is brighter than its right neighbour */
    uint64_t pixels; /* hash of the decoded picture: equal for copies */
} wn_audit_photo;

/* Bounds of what is worth a line. */
#define WN_AUDIT_DOUBT   0.5f /* probability of another label */
#define WN_AUDIT_DARK    0.12f
#define WN_AUDIT_BLURRED 12.0f
enum {
    WN_AUDIT_TARGET = 256, /* for codec_decode */
    WN_AUDIT_FEW = 10,     /* photos of a label: of fewer, nothing is said by their features */
    WN_AUDIT_TINY = 96,    /* pixels of the side of a square as large */
    WN_AUDIT_LOOK = 4,     /* bits between two pictures that look the same */
    WN_AUDIT_LOOK_FAR = 14 /* the same, where their features agree */
};
#define WN_AUDIT_COSINE     0.93f /* least of features, where they are known, for near hashes */
#define WN_AUDIT_COSINE_FAR 0.97f /* and for the far ones */

/* False where memory ran out. */
bool wn_audit_measure(const codec_picture *picture, wn_audit_photo *photo);

/* Calls pair(i, j, copy) for i < j that show the same picture: equal pixels (copy), or hashes within
 * WN_AUDIT_LOOK bits. Where features are known (count, dim; L2-normalised rows; else NULL) they have to agree
 * as well, and may let hashes differ by WN_AUDIT_LOOK_FAR bits. Pictures without any structure have a look of
 * 0 and are compared by pixels and features alone. */
typedef void (*wn_audit_pair)(void *context, size_t i, size_t j, bool copy);
void wn_audit_pairs(const wn_audit_photo *photo, size_t count, const float *feature, int dim,
                    wn_audit_pair pair, void *context);

/* Whether two photos look the same, by pixels or hash. */
bool wn_audit_same(const wn_audit_photo *a, const wn_audit_photo *b);

/* Leave-one-out nearness: own[i] is the mean cosine of row i with its 5 nearest rows of the same label that
 * are not the same picture (-1 where there are none); nearest[i] is the nearest row of another label, or i
 * where there is none. Rows that cannot be read are passed over. */
void wn_audit_nearness(const float *feature, const int *label, const wn_audit_photo *photo, size_t count,
                       int dim, wn_pool *pool, float *own, size_t *nearest);

/* doubt[i]: the probability that row i belongs to another label (0 to labels-1), by a logistic regression of
 * its label against the rest, each half the weight, that was fitted without a fifth of the photos: its own,
 * their neighbours in the list (a burst) and whatever looks the same. 0 for rows that cannot be read. Cross-
 * fitted probabilities as a sign of wrong labels: Northcutt et al., arXiv 1911.00068. */
winnow_status wn_audit_doubt(const float *feature, const int *label, int labels, const wn_audit_photo *photo,
                             size_t count, int dim, wn_pool *pool, float *doubt, winnow_error *error);

#endif
