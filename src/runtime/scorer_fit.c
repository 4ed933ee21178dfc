/* SPDX-License-Identifier: Apache-2.0
 * Fitting: gather x of the chosen normals and abnormals, then one function a kind fills the part's tables. */
#include "coreset.h"
#include "gaussian.h"
#include "scorer.h"
#include "vector.h"

#include <stdlib.h>

/* The rows of one kind of photo. */
typedef struct rows_of {
    int count, dim;
    float *x;      /* (count, dim) */
    float *weight; /* [count], sums to 1 */
    int *group;    /* [count] */
} rows_of;

typedef struct fit_data {
    rows_of normal, abnormal;
    int first_learned;
    const wn_class_vectors *classes;
    wn_logistic *known; /* NULL: of no earlier fit */
} fit_data;

static void free_rows(rows_of *rows)
{
    free(rows->x);
    free(rows->weight);
    free(rows->group);
    *rows = (rows_of){0};
}

static winnow_status make_table(wn_table *table, int rows, int cols, winnow_error *error)
{
    *table = (wn_table){rows, cols, calloc((size_t)rows * cols + 1, sizeof(float))};
    return table->data ? WINNOW_OK : wn_fail_memory(error);
}

/* ---- gathering ---- */

/* A photo weighs 1/sqrt(photos of its group): between every photo alike and every group alike. */
static winnow_status weigh(rows_of *rows, winnow_error *error)
{
    int *size = calloc(WN_MAX_GROUPS, sizeof *size);
    if (!size)
        return wn_fail_memory(error);
    double total = 0;
    for (int i = 0; i < rows->count; i++)
        size[rows->group[i]]++;
    for (int i = 0; i < rows->count; i++)
        total += 1 / sqrt(size[rows->group[i]]);
    for (int i = 0; i < rows->count; i++)
        rows->weight[i] = (float)(1 / sqrt(size[rows->group[i]]) / total);
    free(size);
    return WINNOW_OK;
}

static winnow_status gather(const wn_part *part, const wn_samples *samples, const int *list, int count,
                            bool normal, rows_of *rows, winnow_error *error)
{
    *rows = (rows_of){.dim = part->dim};
    for (int i = 0; i < count; i++)
        rows->count += (samples->label[list[i]] != WN_ABNORMAL) == normal;
    rows->x = calloc((size_t)rows->count * rows->dim + 1, sizeof *rows->x);
    rows->weight = calloc((size_t)rows->count + 1, sizeof *rows->weight);
    rows->group = calloc((size_t)rows->count + 1, sizeof *rows->group);
    if (!rows->x || !rows->weight || !rows->group)
        return wn_fail_memory(error);
    for (int i = 0, at = 0; i < count; i++) {
        if ((samples->label[list[i]] != WN_ABNORMAL) != normal)
            continue;
        const float *feature[WN_FEATURES];
        for (int f = 0; f < WN_FEATURES; f++)
            feature[f] = samples->feature[f] ? samples->feature[f] + (size_t)list[i] * samples->dim[f] : NULL;
        wn_part_input(part, samples->dim, feature, rows->x + (size_t)at * rows->dim);
        rows->group[at++] = samples->group[list[i]];
    }
    return weigh(rows, error);
}

/* The abnormals' mean becomes the origin. */
static winnow_status find_origin(wn_part *part, const wn_samples *samples, const int *list, int count,
                                 winnow_error *error)
{
    rows_of abnormal;
    winnow_status status = gather(part, samples, list, count, false, &abnormal, error);
    if (!status)
        status = make_table(&part->table[0], 1, part->dim, error);
    if (!status)
        wn_weighted_mean(abnormal.x, abnormal.weight, abnormal.count, part->dim, part->table[0].data);
    free_rows(&abnormal);
    return status;
}

/* ---- one fit a kind ---- */

static winnow_status fit_cosine(const fit_data *data, wn_table *table, winnow_error *error)
{
    const rows_of *rows = &data->normal;
    winnow_status status = make_table(table, 1, rows->dim, error);
    for (int j = 0; j < rows->dim && !status; j++) {
        double sum = 0;
        for (int i = 0; i < rows->count; i++)
            sum += rows->x[(size_t)i * rows->dim + j];
        table->data[j] = (float)(sum / rows->count);
    }
    if (!status)
        wn_normalise(table->data, rows->dim);
    return status;
}

static winnow_status fit_prototypes(const fit_data *data, wn_table *table, winnow_error *error)
{
    winnow_status status = make_table(table, WN_PROTOTYPE_COUNT, data->normal.dim, error);
    if (!status)
        status = wn_spherical_kmeans(data->normal.x, data->normal.count, data->normal.dim, &table->rows,
                                     table->data, error);
    return status;
}

static winnow_status fit_coreset(const rows_of *rows, wn_table *table, winnow_error *error)
{
    int chosen[WN_CORESET], count;
    winnow_status status =
        wn_coreset(rows->x, rows->group, rows->count, rows->dim, WN_CORESET, chosen, &count, error);
    if (!status)
        status = make_table(table, count, rows->dim, error);
    for (int i = 0; i < count && !status; i++)
        memcpy(table->data + (size_t)i * rows->dim, rows->x + (size_t)chosen[i] * rows->dim,
               (size_t)rows->dim * sizeof(float));
    return status;
}

/* The rows of look-alikes that the gate was taught; x and group are the copy's own, weight is not used. */
static winnow_status learned_rows(const fit_data *data, rows_of *learned, winnow_error *error)
{
    const rows_of *all = &data->abnormal;
    const size_t row = (size_t)all->dim * sizeof *all->x;
    *learned = (rows_of){.dim = all->dim,
                         .x = malloc((size_t)all->count * row + 1),
                         .group = malloc(((size_t)all->count + 1) * sizeof *all->group)};
    if (!learned->x || !learned->group)
        return wn_fail_memory(error);
    for (int i = 0; i < all->count; i++)
        if (all->group[i] >= data->first_learned) {
            memcpy(learned->x + (size_t)learned->count * all->dim, all->x + (size_t)i * all->dim, row);
            learned->group[learned->count++] = all->group[i];
        }
    return WINNOW_OK;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* How near normals are to the look-alikes: the quantile, interpolated as numpy.quantile does. */
static winnow_status fit_level(const rows_of *normal, const wn_table *learned, wn_table *level,
                               winnow_error *error)
{
    float *near = malloc((size_t)normal->count * sizeof *near);
    winnow_status status = near ? make_table(level, 1, 1, error) : wn_fail_memory(error);
    if (!status) {
        for (int i = 0; i < normal->count; i++)
            near[i] = wn_nearest_cosines(learned, normal->x + (size_t)i * normal->dim, WN_LEARNED_NEIGHBOURS);
        qsort(near, (size_t)normal->count, sizeof *near, ascending);
        const double at = WN_LEARNED_QUANTILE * (normal->count - 1);
        const int low = (int)at, high = low + 1 < normal->count ? low + 1 : low;
        level->data[0] = (float)(near[low] + (at - low) * (near[high] - near[low]));
    }
    free(near);
    return status;
}

static winnow_status fit_knn(const fit_data *data, wn_table *table, winnow_error *error)
{
    rows_of learned = {0};
    winnow_status status = fit_coreset(&data->normal, table, error);
    if (!status)
        status = learned_rows(data, &learned, error);
    if (!status && learned.count)
        status = fit_coreset(&learned, table + 1, error);
    if (!status && learned.count)
        status = fit_level(&data->normal, table + 1, table + 2, error);
    free_rows(&learned);
    return status;
}

static winnow_status fit_knn_difference(const fit_data *data, wn_table *table, winnow_error *error)
{
    winnow_status status = fit_coreset(&data->normal, table, error);
    return status ? status : fit_coreset(&data->abnormal, table + 1, error);
}

/* table[0]: inverse Cholesky factor of the shrunk covariance; table[1]: that times the mean. */
static winnow_status fit_gaussian(const rows_of *rows, wn_table *table, winnow_error *error)
{
    int d = rows->dim;
    double fourth = 0;
    winnow_status status = make_table(table, d, d, error);
    float *mean = calloc((size_t)d, sizeof *mean);
    if (!status && !mean)
        status = wn_fail_memory(error);
    if (!status)
        status = make_table(table + 1, 1, d, error);
    if (!status) {
        wn_weighted_mean(rows->x, rows->weight, rows->count, d, mean);
        status =
            wn_add_covariance(rows->x, rows->weight, rows->count, d, mean, 1, table->data, &fourth, error);
    }
    if (!status) {
        wn_shrink(table->data, d, wn_ledoit_wolf(table->data, rows->count, d, fourth));
        status = wn_cholesky(table->data, d, error);
    }
    if (!status)
        status = wn_lower_inverse(table->data, d, error);
    for (int i = 0; i < d && !status; i++)
        table[1].data[i] = wn_dot(table->data + (size_t)i * d, mean, i + 1);
    free(mean);
    return status;
}

static winnow_status fit_mahalanobis(const fit_data *data, wn_table *table, winnow_error *error)
{
    return fit_gaussian(&data->normal, table, error);
}

static winnow_status fit_relative(const fit_data *data, wn_table *table, winnow_error *error)
{
    winnow_status status = fit_gaussian(&data->normal, table, error);
    return status ? status : fit_gaussian(&data->abnormal, table + 2, error);
}

static winnow_status fit_discriminant(const fit_data *data, wn_table *table, winnow_error *error)
{
    const double shrinkage = 0.3;
    const rows_of *kinds[] = {&data->normal, &data->abnormal};
    int d = data->normal.dim;
    double fourth = 0;
    float *covariance = calloc((size_t)d * d, sizeof *covariance),
          *mean = calloc(2 * (size_t)d, sizeof *mean);
    winnow_status status = covariance && mean ? make_table(table, 1, d, error) : wn_fail_memory(error);
    for (int k = 0; k < 2 && !status; k++) {
        const rows_of *rows = kinds[k];
        wn_weighted_mean(rows->x, rows->weight, rows->count, d, mean + k * d);
        status = wn_add_covariance(rows->x, rows->weight, rows->count, d, mean + k * d, 0.5f, covariance,
                                   &fourth, error);
    }
    if (!status) {
        wn_shrink(covariance, d, shrinkage);
        status = wn_cholesky(covariance, d, error);
    }
    if (!status) {
        for (int j = 0; j < d; j++)
            table->data[j] = mean[j] - mean[d + j];
        wn_cholesky_solve(covariance, d, table->data);
    }
    free(covariance);
    free(mean);
    return status;
}

/* The mean over the columns of the standard deviation of both kinds together. */
static double mean_deviation(const rows_of *const kinds[2], int d)
{
    double sum = 0;
    for (int j = 0; j < d; j++) {
        double mean = 0, square = 0;
        int count = 0;
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < kinds[k]->count; i++, count++) {
                double x = kinds[k]->x[(size_t)i * d + j];
                mean += x;
                square += x * x;
            }
        mean /= count;
        sum += sqrt(fmax(0, square / count - mean * mean));
    }
    return sum / d;
}

/* Features are scaled to unit mean deviation, so that the strength of the penalty means the same for all; the
 * scale is undone in w. Normals and abnormals weigh half each. */
static winnow_status fit_logistic(const fit_data *data, wn_table *table, winnow_error *error)
{
    const double strength = 0.01;
    const rows_of *const kinds[] = {&data->normal, &data->abnormal};
    int d = data->normal.dim, n = data->normal.count + data->abnormal.count, at = 0;
    double scale = mean_deviation(kinds, d);
    float *x = malloc(((size_t)d + 2) * (size_t)n * sizeof *x), *sign = x + (size_t)d * n, *weight = sign + n;
    winnow_status status = x ? make_table(table, 1, d, error) : wn_fail_memory(error);
    if (!status && !(scale > 1e-12))
        status = wn_fail(error, WINNOW_ERROR_DATA, -1, "the photos' features do not vary");
    for (int k = 0; k < 2 && !status; k++)
        for (int i = 0; i < kinds[k]->count; i++, at++) {
            for (int j = 0; j < d; j++)
                x[(size_t)at * d + j] = (float)(kinds[k]->x[(size_t)i * d + j] / scale);
            sign[at] = k ? -1 : 1;
            weight[at] = kinds[k]->weight[i] * n / 2;
        }
    if (!status)
        status = wn_logistic_fit(x, sign, weight, n, d, strength, data->known, table->data, error);
    for (int j = 0; j < d && !status; j++)
        table->data[j] = (float)(table->data[j] / scale);
    free(x);
    return status;
}

static winnow_status fit_arcface(const fit_data *data, wn_table *table, winnow_error *error)
{
    const wn_class_vectors *classes = data->classes;
    if (!classes || !classes->data || classes->rows < 2)
        return wn_fail(error, WINNOW_ERROR_DATA, -1, "the arcface scorer needs a trained embedding");
    int d = classes->cols;
    winnow_status status = make_table(table, 1, d, error);
    if (!status)
        status = make_table(table + 1, classes->rows - 1, d, error);
    for (int k = 0; k < classes->rows && !status; k++) {
        float *vector = k ? table[1].data + (size_t)(k - 1) * d : table[0].data;
        memcpy(vector, classes->data + (size_t)k * d, (size_t)d * sizeof *vector);
        wn_normalise(vector, d);
    }
    return status;
}

static winnow_status (*const fit[WN_SCORER_KINDS])(const fit_data *, wn_table *, winnow_error *) = {
    [WN_COSINE] = fit_cosine,
    [WN_PROTOTYPES] = fit_prototypes,
    [WN_KNN] = fit_knn,
    [WN_KNN_DIFFERENCE] = fit_knn_difference,
    [WN_MAHALANOBIS] = fit_mahalanobis,
    [WN_RELATIVE] = fit_relative,
    [WN_DISCRIMINANT] = fit_discriminant,
    [WN_LOGISTIC] = fit_logistic,
    [WN_ARCFACE] = fit_arcface,
};

/* ---- all parts ---- */

static winnow_status fit_part(const wn_spec_part *spec, const wn_samples *samples, const int *list, int count,
                              const wn_class_vectors *classes, wn_logistic *known, wn_part *part,
                              winnow_error *error)
{
    *part = (wn_part){.spec = *spec, .spread = 1};
    for (int f = 0; f < WN_FEATURES; f++)
        if (spec->features >> f & 1) {
            if (!samples->dim[f])
                return f == WN_EMBEDDING
                           ? wn_fail(error, WINNOW_ERROR_DATA, -1,
                                     "this scorer looks at an embedding, and none was trained: that takes "
                                     "abnormals and half a batch of normals; add photos, or choose knn")
                           : wn_fail(error, WINNOW_ERROR_DATA, -1, "the photos' %s feature is not known here",
                                     wn_feature_name(f));
            part->dim += samples->dim[f];
        }
    winnow_status status = spec->centred ? find_origin(part, samples, list, count, error) : WINNOW_OK;
    fit_data data = {.first_learned = samples->first_learned, .classes = classes, .known = known};
    if (!status)
        status = gather(part, samples, list, count, true, &data.normal, error);
    if (!status)
        status = gather(part, samples, list, count, false, &data.abnormal, error);
    if (!status && !data.normal.count)
        status = wn_fail(error, WINNOW_ERROR_DATA, -1, "there are no normal photos to fit to");
    if (!status)
        status = fit[spec->kind](&data, part->table + 1, error);
    free_rows(&data.normal);
    free_rows(&data.abnormal);
    return status;
}

winnow_status wn_scorer_fit(const wn_scorer_spec *spec, const wn_samples *samples, const int *rows, int count,
                            const wn_class_vectors *classes, wn_logistic *known, wn_scorer *scorer,
                            winnow_error *error)
{
    *scorer = (wn_scorer){0};
    int abnormals = 0;
    for (int i = 0; i < count; i++)
        abnormals += samples->label[rows[i]] == WN_ABNORMAL;
    if (wn_spec_needs_abnormals(spec) && abnormals < WN_LEAST_ABNORMALS)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "this scorer compares with abnormal photos, and there are %d: add some, or choose knn",
                       abnormals);
    memcpy(scorer->dim, samples->dim, sizeof scorer->dim);
    for (int f = 0; f < WN_FEATURES; f++)
        if (!(wn_spec_features(spec) >> f & 1))
            scorer->dim[f] = 0;
    for (int p = 0; p < spec->parts; p++) {
        scorer->parts = p + 1;
        winnow_status status = fit_part(&spec->part[p], samples, rows, count, classes,
                                        known ? known + p : NULL, &scorer->part[p], error);
        if (status)
            return status;
    }
    return WINNOW_OK;
}
