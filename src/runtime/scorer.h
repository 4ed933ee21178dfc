/* SPDX-License-Identifier: Apache-2.0
 * How normal a photo looks, from its features: one scorer, or the mean of a few standardised ones.
 *
 * A spec says which scorers look at which features. Fitting it to samples gives a scorer, which the
 * gate file carries. Every score is higher for more normal photos. x below is the features that a part looks
 * at: each L2-normalised, concatenated, optionally moved so that the abnormals' mean is the origin, and
 * L2-normalised again. */
#ifndef WN_SCORER_H
#define WN_SCORER_H

#include "logistic.h"
#include "samples.h"

#include <stdbool.h>

typedef enum wn_scorer_kind {
    WN_COSINE,     /* x . mean of the normals, normalised */
    WN_PROTOTYPES, /* the largest cosine with one of k <= 16 spherical k-means centres of the normals */
    WN_KNN,        /* mean cosine with the 5 nearest of a coreset of normals, minus that with the 3 nearest
                      look-alikes that the gate was taught, as far as that is more than normals have */
    WN_KNN_DIFFERENCE, /* that minus the same of a coreset of abnormals, where any are known */
    WN_MAHALANOBIS,    /* minus the squared distance to the normals' Gaussian / dim (Ledoit-Wolf) */
    WN_RELATIVE,       /* the same plus the squared distance to the abnormals' Gaussian / dim */
    WN_DISCRIMINANT,   /* x . C^-1 (mean of normals - mean of abnormals), C their shared covariance, shrunk */
    WN_LOGISTIC,       /* x . w, w by L2-regularised logistic regression of normals against abnormals */
    WN_ARCFACE,        /* cosine with the nearest normal class vector minus that with the abnormal one */
    WN_SCORER_KINDS
} wn_scorer_kind;

enum { WN_LEAST_ABNORMALS = 2 }; /* that a scorer which compares with abnormals is fitted to */
enum { WN_MAX_PARTS = 4, WN_PROTOTYPE_COUNT = 16, WN_CORESET = 512, WN_NEIGHBOURS = 5, WN_SPEC_TEXT = 256 };

/* Of the look-alikes that a gate was taught: it is nearness to few of them that counts (a handful may be all
 * there are), above the level that 9 of 10 normals stay below. */
enum { WN_LEARNED_NEIGHBOURS = 3 };
#define WN_LEARNED_QUANTILE 0.9

typedef struct wn_spec_part {
    wn_scorer_kind kind;
    unsigned features; /* bit f: looks at feature f */
    bool centred;      /* moved to the abnormals' mean first */
} wn_spec_part;

typedef struct wn_scorer_spec {
    int parts; /* 1 to WN_MAX_PARTS */
    wn_spec_part part[WN_MAX_PARTS];
} wn_scorer_spec;

/* "knn:bottleneck", "discriminant:bottleneck+pooled:centred,mahalanobis:bottleneck" ... ARGUMENT error, with
 * the names that there are, for any other. */
winnow_status wn_spec_parse(const char *text, wn_scorer_spec *spec, winnow_error *error);
void wn_spec_format(const wn_scorer_spec *spec, char text[WN_SPEC_TEXT]);

/* Which features it looks at. */
unsigned wn_spec_features(const wn_scorer_spec *spec);

/* Whether it cannot do without abnormals, and whether it looks at them where there are any. */
bool wn_spec_needs_abnormals(const wn_scorer_spec *spec);
bool wn_spec_uses_abnormals(const wn_scorer_spec *spec);

/* "cosine" ... */
const char *wn_scorer_kind_name(wn_scorer_kind kind);

/* A matrix that a part owns; rows 0 where it has none. */
typedef struct wn_table {
    int rows, cols;
    float *data; /* (rows, cols) */
} wn_table;

enum {
    WN_PART_TABLES = 5,
    WN_KNN_LEVEL = 3 /* the table of knn that holds it, where look-alikes were taught */
};

typedef struct wn_part {
    wn_spec_part spec;
    int dim;              /* length of x */
    float centre, spread; /* contributes (raw - centre) / spread to the mean */
    wn_table
        table[WN_PART_TABLES]; /* what they hold depends on the kind; table 0 is the origin, if centred */
} wn_part;

typedef struct wn_scorer {
    int parts;
    int dim[WN_FEATURES]; /* lengths of the features; 0 where none looks at it */
    wn_part part[WN_MAX_PARTS];
} wn_scorer;

/* The trained head, for WN_ARCFACE: (classes, dim), row 0 the abnormals'. data NULL: there is none. */
typedef wn_table wn_class_vectors;

/* Fits to the samples rows[count]. centre 0 and spread 1 are left: see wn_cross_fit. Where photos are
 * weighted, each weighs 1/sqrt(size of its group): between every photo alike and every group alike. known:
 * NULL, or [WN_MAX_PARTS], {0} before the first of several fits to much the same rows, freed by the caller.
 * Free with wn_scorer_free. */
winnow_status wn_scorer_fit(const wn_scorer_spec *spec, const wn_samples *samples, const int *rows, int count,
                            const wn_class_vectors *classes, wn_logistic *known, wn_scorer *scorer,
                            winnow_error *error);
void wn_scorer_free(wn_scorer *scorer);

/* Floats of scratch that scoring needs. */
int wn_scorer_scratch(const wn_scorer *scorer);

/* feature[f]: L2-normalised, of length scorer->dim[f]. Allocates nothing. */
float wn_scorer_score(const wn_scorer *scorer, const float *const feature[WN_FEATURES], float *scratch);

/* The same of one part, not standardised. */
float wn_part_score(const wn_part *part, const int dim[WN_FEATURES], const float *const feature[WN_FEATURES],
                    float *scratch);

/* The score of all parts from the raw score of each. */
float wn_standard_score(const wn_scorer *scorer, const float *raw);

/* Mean cosine with the `nearest` (at most WN_NEIGHBOURS) nearest rows; 0 where there are none. */
float wn_nearest_cosines(const wn_table *table, const float *x, int nearest);

/* x of a part (see above), to x[part->dim]. */
void wn_part_input(const wn_part *part, const int dim[WN_FEATURES], const float *const feature[WN_FEATURES],
                   float *x);

#endif
