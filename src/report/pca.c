/* SPDX-License-Identifier: Apache-2.0
 * Orthogonal iteration on the covariance, never formed: v <- X'(X v). Forty rounds are plenty for a picture.
 */
#include "pca.h"

#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 40 };

static double dot(const double *a, const double *b, int size)
{
    double sum = 0;
    for (int i = 0; i < size; i++)
        sum += a[i] * b[i];
    return sum;
}

static void normalise(double *v, int size)
{
    double scale = 1 / fmax(sqrt(dot(v, v, size)), 1e-30);
    for (int i = 0; i < size; i++)
        v[i] *= scale;
}

/* next = X'(X v) for rows that are normalised and centred on the fly. */
static void multiply(const double *rows, size_t count, int size, const double *v, double *next)
{
    for (int i = 0; i < size; i++)
        next[i] = 0;
    for (size_t n = 0; n < count; n++) {
        const double *row = rows + n * (size_t)size;
        double projection = dot(row, v, size);
        for (int i = 0; i < size; i++)
            next[i] += projection * row[i];
    }
}

/* The rows of x, each of length 1, minus their mean. */
static void centre(const float *x, size_t count, int size, double *rows, double *mean)
{
    for (int i = 0; i < size; i++)
        mean[i] = 0;
    for (size_t n = 0; n < count; n++) {
        double *row = rows + n * (size_t)size;
        for (int i = 0; i < size; i++)
            row[i] = x[n * (size_t)size + (size_t)i];
        normalise(row, size);
        for (int i = 0; i < size; i++)
            mean[i] += row[i] / (double)count;
    }
    for (size_t n = 0; n < count; n++)
        for (int i = 0; i < size; i++)
            rows[n * (size_t)size + (size_t)i] -= mean[i];
}

static void scale_axis(float *out, size_t count, int axis)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t n = 0; n < count; n++) {
        low = fminf(low, out[2 * n + (size_t)axis]);
        high = fmaxf(high, out[2 * n + (size_t)axis]);
    }
    for (size_t n = 0; n < count; n++) {
        float *value = &out[2 * n + (size_t)axis];
        *value = high > low ? (*value - low) / (high - low) : 0.5f;
    }
}

bool pca_map(const float *x, size_t count, int size, float *out)
{
    const size_t d = (size_t)size;
    double *rows = malloc((count * d + 4 * d) * sizeof *rows);
    if (!rows)
        return false;
    double *first = rows + count * d, *second = first + d, *next = second + d, *mean = next + d;
    centre(x, count, size, rows, mean);
    for (int i = 0; i < size; i++) { /* a fixed start that no data is orthogonal to, but by accident */
        first[i] = cos(1.0 + i);
        second[i] = sin(2.0 * i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        multiply(rows, count, size, first, next);
        normalise(next, size);
        for (int i = 0; i < size; i++)
            first[i] = next[i];
        multiply(rows, count, size, second, next);
        double overlap = dot(next, first, size);
        for (int i = 0; i < size; i++)
            second[i] = next[i] - overlap * first[i];
        normalise(second, size);
    }
    for (size_t n = 0; n < count; n++) {
        out[2 * n] = (float)dot(rows + n * d, first, size);
        out[2 * n + 1] = (float)dot(rows + n * d, second, size);
    }
    scale_axis(out, count, 0);
    scale_axis(out, count, 1);
    free(rows);
    return true;
}
