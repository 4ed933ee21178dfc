/* SPDX-License-Identifier: Apache-2.0
 * Truncated Newton (Nocedal and Wright, Numerical Optimization, 7.1): the Newton step is found by conjugate
 * gradients, which need only products of the Hessian with a vector, and shortened until the loss falls
 * enough. The loss is convex, so any start ends at the one minimum. Vectors have d + 1 entries; the last is
 * b. They are float64; products with the rows, which are nearly all of the time, are float32, summed up in
 * float64 every few rows. */
#include "logistic.h"
#include "vector.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct problem {
    const float *x, *sign, *weight;
    int n, d;
    double penalty;                                         /* 1 / strength */
    double *curvature;                                      /* [n] weight * sigma * (1 - sigma) */
    double *w, *gradient, *step, *residual, *along, *image; /* [d + 1] */
    float *narrow, *partial;                                /* [d] a vector, and a sum of rows, in float32 */
} problem;

enum { ROWS = 32 }; /* summed in float32 */

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Prepares margin() of w. */
static void narrow(const problem *p, const double *w)
{
    for (int j = 0; j < p->d; j++)
        p->narrow[j] = (float)w[j];
}

/* w . x[i] + b */
static double margin(const problem *p, const double *w, int i)
{
    return wn_dot(p->x + (size_t)i * p->d, p->narrow, p->d) + w[p->d];
}

static void flush(const problem *p, double *to)
{
    for (int j = 0; j < p->d; j++) {
        to[j] += p->partial[j];
        p->partial[j] = 0;
    }
}

/* Adds factor * (x[i], 1); rows come in order, and reach `to` when the last has been added. */
static void add_row(const problem *p, int i, double factor, double *to)
{
    const float *x = p->x + (size_t)i * p->d, scale = (float)factor;
    for (int j = 0; j < p->d; j++)
        p->partial[j] += scale * x[j];
    to[p->d] += factor;
    if (i % ROWS == ROWS - 1 || i == p->n - 1)
        flush(p, to);
}

/* log(1 + exp(-m)) without overflow. */
static double loss_of(double m)
{
    return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
}

static double loss(const problem *p, const double *w)
{
    double sum = p->penalty * dot(w, w, p->d) / 2;
    narrow(p, w);
    for (int i = 0; i < p->n; i++)
        sum += p->weight[i] * loss_of(p->sign[i] * margin(p, w, i));
    return sum;
}

/* Gradient and curvatures at w. */
static void differentiate(const problem *p)
{
    for (int j = 0; j < p->d; j++)
        p->gradient[j] = p->penalty * p->w[j];
    p->gradient[p->d] = 0;
    narrow(p, p->w);
    for (int i = 0; i < p->n; i++) {
        double sigma = 1 / (1 + exp(p->sign[i] * margin(p, p->w, i))); /* of being wrong */
        p->curvature[i] = p->weight[i] * sigma * (1 - sigma);
        add_row(p, i, -p->weight[i] * p->sign[i] * sigma, p->gradient);
    }
}

/* image = Hessian . along */
static void multiply(const problem *p)
{
    for (int j = 0; j < p->d; j++)
        p->image[j] = p->penalty * p->along[j];
    p->image[p->d] = 0;
    narrow(p, p->along);
    for (int i = 0; i < p->n; i++)
        add_row(p, i, p->curvature[i] * margin(p, p->along, i), p->image);
}

/* step = -Hessian^-1 . gradient, to a precision that grows as the gradient falls. */
static void newton_step(const problem *p, double norm)
{
    int size = p->d + 1;
    double goal = norm * fmin(0.1, sqrt(norm)), square = norm * norm;
    memset(p->step, 0, (size_t)size * sizeof *p->step);
    for (int j = 0; j < size; j++)
        p->residual[j] = p->along[j] = -p->gradient[j];
    for (int round = 0; round < 200 && sqrt(square) > goal; round++) {
        multiply(p);
        double bend = dot(p->along, p->image, size);
        if (!(bend > 0))
            break;
        double length = square / bend;
        for (int j = 0; j < size; j++) {
            p->step[j] += length * p->along[j];
            p->residual[j] -= length * p->image[j];
        }
        double next = dot(p->residual, p->residual, size);
        for (int j = 0; j < size; j++)
            p->along[j] = p->residual[j] + next / square * p->along[j];
        square = next;
    }
}

/* Takes the step, halved until the loss falls by Armijo's rule; false where it does not. */
static bool descend(const problem *p)
{
    int size = p->d + 1;
    double before = loss(p, p->w), slope = dot(p->gradient, p->step, size);
    for (double length = 1; length > 1e-10 && slope < 0; length /= 2) {
        for (int j = 0; j < size; j++)
            p->along[j] = p->w[j] + length * p->step[j];
        if (loss(p, p->along) <= before + 1e-4 * length * slope) {
            memcpy(p->w, p->along, (size_t)size * sizeof *p->w);
            return true;
        }
    }
    return false;
}

winnow_status wn_logistic_fit(const float *x, const float *sign, const float *weight, int n, int d,
                              double strength, float *w, winnow_error *error)
{
    size_t size = (size_t)d + 1;
    double *block = calloc(6 * size + (size_t)n, sizeof *block);
    float *floats = calloc(2 * size, sizeof *floats);
    if (!block || !floats) {
        free(block);
        free(floats);
        return wn_fail_memory(error);
    }
    const problem p = {.x = x,
                       .sign = sign,
                       .weight = weight,
                       .n = n,
                       .d = d,
                       .penalty = 1 / strength,
                       .w = block,
                       .gradient = block + size,
                       .step = block + 2 * size,
                       .residual = block + 3 * size,
                       .along = block + 4 * size,
                       .image = block + 5 * size,
                       .curvature = block + 6 * size,
                       .narrow = floats,
                       .partial = floats + size};
    double first = 0;
    for (int round = 0; round < 100; round++) {
        differentiate(&p);
        double norm = sqrt(dot(p.gradient, p.gradient, d + 1));
        first = round ? first : norm;
        if (!(norm > 1e-5 * first)) /* float32 sums end at about 1e-6 */
            break;
        newton_step(&p, norm);
        if (!descend(&p))
            break;
    }
    for (int j = 0; j < d; j++)
        w[j] = (float)p.w[j];
    free(block);
    free(floats);
    return WINNOW_OK;
}
