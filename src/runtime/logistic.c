/* SPDX-License-Identifier: Apache-2.0
 * Truncated Newton (Nocedal and Wright, Numerical Optimization, 7.1): the Newton step is found by conjugate
 * gradients, which need only products of the Hessian with a vector, and shortened until the loss falls
 * enough. The loss is convex, so any start ends at the one minimum. Vectors have d + 1 entries; the last is
 * b. They are float64; products with the rows, which are nearly all of the time, are float32, summed up in
 * float64 every few rows.
 *
 * A fit to nearly the same rows as one before starts at that one's minimum, and its conjugate gradients are
 * preconditioned by the Hessian there: a third of the products remain. */
#include "logistic.h"
#include "gaussian.h"
#include "vector.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct problem {
    const float *x, *sign, *weight;
    int n, d;
    double penalty;                                         /* 1 / strength */
    double *curvature;                                      /* [n] weight * sigma * (1 - sigma) */
    double *w, *gradient, *step, *residual, *along, *image; /* [d + 1] */
    double *even;                                           /* [d + 1] residual by the preconditioner */
    float *narrow, *partial;                                /* [d] a vector, and a sum of rows, in float32 */
    const wn_logistic *known;                               /* NULL: no preconditioner */
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

/* Gradient and curvatures at w; returns the loss there. */
static double differentiate(const problem *p)
{
    double sum = p->penalty * dot(p->w, p->w, p->d) / 2;
    for (int j = 0; j < p->d; j++)
        p->gradient[j] = p->penalty * p->w[j];
    p->gradient[p->d] = 0;
    narrow(p, p->w);
    for (int i = 0; i < p->n; i++) {
        const double m = p->sign[i] * margin(p, p->w, i), sigma = 1 / (1 + exp(m)); /* of being wrong */
        sum += p->weight[i] * loss_of(m);
        p->curvature[i] = p->weight[i] * sigma * (1 - sigma);
        add_row(p, i, -p->weight[i] * p->sign[i] * sigma, p->gradient);
    }
    return sum;
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

/* even = the known Hessian's inverse . residual, b eliminated by blocks: what remains of w is the rows'
 * covariance about their mean. */
static void precondition(const problem *p)
{
    const wn_logistic *known = p->known;
    const int d = p->d;
    if (!known) {
        memcpy(p->even, p->residual, ((size_t)d + 1) * sizeof *p->even);
        return;
    }
    const double b = p->residual[d] / known->curvature;
    for (int j = 0; j < d; j++)
        p->narrow[j] = (float)(p->residual[j] - p->residual[d] * known->mean[j]);
    wn_cholesky_solve(known->lower, d, p->narrow);
    for (int j = 0; j < d; j++)
        p->even[j] = p->narrow[j];
    p->even[d] = b - wn_dot(known->mean, p->narrow, d);
}

/* step = -Hessian^-1 . gradient, to a precision that grows as the gradient falls. */
static void newton_step(const problem *p, double norm)
{
    int size = p->d + 1;
    const double goal = norm * fmin(0.1, sqrt(norm));
    memset(p->step, 0, (size_t)size * sizeof *p->step);
    for (int j = 0; j < size; j++)
        p->residual[j] = -p->gradient[j];
    precondition(p);
    memcpy(p->along, p->even, (size_t)size * sizeof *p->along);
    double square = dot(p->residual, p->even, size);
    for (int round = 0; round < 200 && sqrt(dot(p->residual, p->residual, size)) > goal; round++) {
        multiply(p);
        double bend = dot(p->along, p->image, size);
        if (!(bend > 0))
            break;
        double length = square / bend;
        for (int j = 0; j < size; j++) {
            p->step[j] += length * p->along[j];
            p->residual[j] -= length * p->image[j];
        }
        precondition(p);
        double next = dot(p->residual, p->even, size);
        for (int j = 0; j < size; j++)
            p->along[j] = p->even[j] + next / square * p->along[j];
        square = next;
    }
}

/* Takes the step, halved until the loss, which is `before`, falls by Armijo's rule; false where it does not.
 */
static bool descend(const problem *p, double before)
{
    int size = p->d + 1;
    const double slope = dot(p->gradient, p->step, size);
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

static void descend_to_minimum(const problem *p)
{
    const int size = p->d + 1;
    double first = 0;
    for (int round = 0; round < 100; round++) {
        const double value = differentiate(p), norm = sqrt(dot(p->gradient, p->gradient, size));
        if (round == 0) {
            first = norm; /* at 0, wherever the start is */
            if (p->known) {
                for (int j = 0; j < size; j++)
                    p->w[j] = p->known->w[j];
                continue;
            }
        }
        if (!(norm > 1e-5 * first)) /* float32 sums end at about 1e-6 */
            break;
        newton_step(p, norm);
        if (!descend(p, value))
            break;
    }
}

/* Keeps the minimum, and the Hessian there, for the fits that follow. */
static winnow_status keep(const problem *p, wn_logistic *known, winnow_error *error)
{
    const size_t d = (size_t)p->d;
    float *floats = calloc(2 * d + 1 + d * d, sizeof *floats),
          *weight = malloc((size_t)p->n * sizeof *weight);
    winnow_status status = floats && weight ? WINNOW_OK : wn_fail_memory(error);
    if (!status) {
        *known = (wn_logistic){.w = floats, .mean = floats + d + 1, .lower = floats + 2 * d + 1};
        for (int j = 0; j <= p->d; j++)
            known->w[j] = (float)p->w[j];
        for (int i = 0; i < p->n; i++)
            known->curvature += p->curvature[i];
        for (int i = 0; i < p->n; i++)
            weight[i] = (float)(p->curvature[i] / known->curvature);
        double fourth = 0;
        wn_weighted_mean(p->x, weight, p->n, p->d, known->mean);
        status = wn_add_covariance(p->x, weight, p->n, p->d, known->mean, (float)known->curvature,
                                   known->lower, &fourth, error);
    }
    for (size_t j = 0; j < d && !status; j++)
        known->lower[j * d + j] += (float)p->penalty;
    if (!status)
        status = wn_cholesky(known->lower, p->d, error);
    free(weight);
    if (status) {
        free(floats);
        *known = (wn_logistic){0};
    }
    return status;
}

void wn_logistic_free(wn_logistic *known)
{
    free(known->w);
    *known = (wn_logistic){0};
}

winnow_status wn_logistic_fit(const float *x, const float *sign, const float *weight, int n, int d,
                              double strength, wn_logistic *known, float *w, winnow_error *error)
{
    size_t size = (size_t)d + 1;
    double *block = calloc(7 * size + (size_t)n, sizeof *block);
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
                       .even = block + 6 * size,
                       .curvature = block + 7 * size,
                       .narrow = floats,
                       .partial = floats + size,
                       .known = known && known->w ? known : NULL};
    descend_to_minimum(&p);
    for (int j = 0; j < d; j++)
        w[j] = (float)p.w[j];
    winnow_status status = known && !known->w ? keep(&p, known, error) : WINNOW_OK;
    free(block);
    free(floats);
    return status;
}
