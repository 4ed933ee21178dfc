/* SPDX-License-Identifier: Apache-2.0
 * The loss is convex: any start ends at the one minimum. The Newton step is found by conjugate gradients,
 * which need only products of the Hessian with a vector, and is shortened until the loss falls enough
 * (Nocedal and Wright, Numerical Optimization, 7.1). Parameters are one vector of classes * (d + 1) doubles.
 */
#include "softmax.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct problem {
    const float *x, *weight;
    const int *label;
    int n, d, classes, size; /* size: of the parameters */
    double penalty;
    double *probability;                                    /* (n, classes) at w */
    double *w, *gradient, *step, *residual, *along, *image; /* [size] */
    double *row;                                            /* [classes] */
} problem;

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* out[classes] = W x[i] + b */
static void logits(const problem *p, const double *w, int i, double *out)
{
    enum { LANES = 8 };
    const float *x = p->x + (size_t)i * (size_t)p->d;
    for (int c = 0; c < p->classes; c++, w += p->d + 1) {
        double sum[LANES] = {0}, rest = w[p->d];
        int j = 0;
        for (; j + LANES <= p->d; j += LANES)
            for (int lane = 0; lane < LANES; lane++)
                sum[lane] += w[j + lane] * x[j + lane];
        for (; j < p->d; j++)
            rest += w[j] * x[j];
        for (int lane = 0; lane < LANES; lane++)
            rest += sum[lane];
        out[c] = rest;
    }
}

/* to += factor[classes] x [x[i], 1] */
static void add_rows(const problem *p, int i, const double *factor, double *to)
{
    const float *x = p->x + (size_t)i * (size_t)p->d;
    for (int c = 0; c < p->classes; c++, to += p->d + 1) {
        for (int j = 0; j < p->d; j++)
            to[j] += factor[c] * x[j];
        to[p->d] += factor[c];
    }
}

/* logit -> probabilities, in place; returns log of the normaliser. */
static double softmax(double *logit, int classes)
{
    double most = logit[0], sum = 0;
    for (int c = 1; c < classes; c++)
        most = fmax(most, logit[c]);
    for (int c = 0; c < classes; c++)
        sum += logit[c] = exp(logit[c] - most);
    for (int c = 0; c < classes; c++)
        logit[c] /= sum;
    return most + log(sum);
}

/* to = penalty * from, without the intercepts. */
static void penalise(const problem *p, const double *from, double *to)
{
    for (int k = 0; k < p->size; k++)
        to[k] = k % (p->d + 1) == p->d ? 0 : p->penalty * from[k];
}

static double loss(const problem *p, const double *w)
{
    double sum = 0;
    for (int k = 0; k < p->size; k++)
        sum += k % (p->d + 1) == p->d ? 0 : p->penalty * w[k] * w[k] / 2;
    for (int i = 0; i < p->n; i++) {
        logits(p, w, i, p->row);
        const double right = p->row[p->label[i]];
        sum += p->weight[i] * (softmax(p->row, p->classes) - right);
    }
    return sum;
}

/* Gradient and probabilities at w. */
static void differentiate(const problem *p)
{
    penalise(p, p->w, p->gradient);
    for (int i = 0; i < p->n; i++) {
        double *probability = p->probability + (size_t)i * (size_t)p->classes;
        logits(p, p->w, i, probability);
        softmax(probability, p->classes);
        for (int c = 0; c < p->classes; c++)
            p->row[c] = p->weight[i] * (probability[c] - (c == p->label[i]));
        add_rows(p, i, p->row, p->gradient);
    }
}

/* image = Hessian . along */
static void multiply(const problem *p)
{
    penalise(p, p->along, p->image);
    for (int i = 0; i < p->n; i++) {
        const double *probability = p->probability + (size_t)i * (size_t)p->classes;
        logits(p, p->along, i, p->row);
        const double mean = dot(probability, p->row, p->classes);
        for (int c = 0; c < p->classes; c++)
            p->row[c] = p->weight[i] * probability[c] * (p->row[c] - mean);
        add_rows(p, i, p->row, p->image);
    }
}

/* step = -Hessian^-1 . gradient, to a precision that grows as the gradient falls. */
static void newton_step(const problem *p, double norm)
{
    const double goal = norm * fmin(0.1, sqrt(norm));
    double square = norm * norm;
    memset(p->step, 0, (size_t)p->size * sizeof *p->step);
    for (int k = 0; k < p->size; k++)
        p->residual[k] = p->along[k] = -p->gradient[k];
    for (int round = 0; round < 100 && sqrt(square) > goal; round++) {
        multiply(p);
        const double bend = dot(p->along, p->image, p->size);
        if (!(bend > 0))
            break;
        const double length = square / bend;
        for (int k = 0; k < p->size; k++) {
            p->step[k] += length * p->along[k];
            p->residual[k] -= length * p->image[k];
        }
        const double next = dot(p->residual, p->residual, p->size);
        for (int k = 0; k < p->size; k++)
            p->along[k] = p->residual[k] + next / square * p->along[k];
        square = next;
    }
}

/* Takes the step, halved until the loss falls by Armijo's rule; false where it does not. */
static bool descend(const problem *p)
{
    const double before = loss(p, p->w), slope = dot(p->gradient, p->step, p->size);
    for (double length = 1; length > 1e-10 && slope < 0; length /= 2) {
        for (int k = 0; k < p->size; k++)
            p->along[k] = p->w[k] + length * p->step[k];
        if (loss(p, p->along) <= before + 1e-4 * length * slope) {
            memcpy(p->w, p->along, (size_t)p->size * sizeof *p->w);
            return true;
        }
    }
    return false;
}

winnow_status wn_softmax_fit(const float *x, const int *label, const float *weight, int n, int d, int classes,
                             double strength, float *w, winnow_error *error)
{
    const size_t size = (size_t)classes * ((size_t)d + 1);
    double *block = calloc(6 * size + ((size_t)n + 1) * (size_t)classes, sizeof *block);
    if (!block)
        return wn_fail_memory(error);
    const problem p = {.x = x,
                       .label = label,
                       .weight = weight,
                       .n = n,
                       .d = d,
                       .classes = classes,
                       .size = (int)size,
                       .penalty = 1 / strength,
                       .w = block,
                       .gradient = block + size,
                       .step = block + 2 * size,
                       .residual = block + 3 * size,
                       .along = block + 4 * size,
                       .image = block + 5 * size,
                       .probability = block + 6 * size,
                       .row = block + 6 * size + (size_t)n * (size_t)classes};
    double first = 0;
    for (int round = 0; round < 50; round++) {
        differentiate(&p);
        const double norm = sqrt(dot(p.gradient, p.gradient, p.size));
        first = round ? first : norm;
        if (!(norm > 1e-5 * first))
            break;
        newton_step(&p, norm);
        if (!descend(&p))
            break;
    }
    for (size_t k = 0; k < size; k++)
        w[k] = (float)p.w[k];
    free(block);
    return WINNOW_OK;
}

/* ---- temperature ---- */

int wn_softmax_best(const float *logit, int classes, double temperature, float *probability)
{
    int best = 0;
    double sum = 0;
    for (int c = 1; c < classes; c++)
        best = logit[c] > logit[best] ? c : best;
    for (int c = 0; c < classes; c++)
        sum += exp(((double)logit[c] - (double)logit[best]) / temperature);
    *probability = (float)(1 / sum);
    return best;
}

static double unlikelihood(const float *logit, const int *label, int n, int classes, double temperature)
{
    double sum = 0;
    for (int i = 0; i < n; i++, logit += classes) {
        if (label[i] < 0)
            continue;
        float probability;
        const int best = wn_softmax_best(logit, classes, temperature, &probability);
        sum -= ((double)logit[label[i]] - (double)logit[best]) / temperature + log((double)probability);
    }
    return sum;
}

/* Golden section over log T: the loss is convex in 1/T, so it has one valley. */
double wn_softmax_temperature(const float *logit, const int *label, int n, int classes)
{
    const double golden = (sqrt(5) - 1) / 2;
    double low = log(0.05), high = log(20);
    int known = 0;
    for (int i = 0; i < n; i++)
        known += label[i] >= 0;
    for (int round = 0; round < 40 && known; round++) {
        const double a = high - golden * (high - low), b = low + golden * (high - low);
        if (unlikelihood(logit, label, n, classes, exp(a)) < unlikelihood(logit, label, n, classes, exp(b)))
            high = b;
        else
            low = a;
    }
    return known ? exp((low + high) / 2) : 1;
}
