/* SPDX-License-Identifier: Apache-2.0 */
#include "arcface.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static double dot(int size, const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < size; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* 1/|v|, or 0 for a vector without direction. */
static double inverse_length(int size, const float *v)
{
    double length = sqrt(dot(size, v, v));
    return length > 1e-12 ? 1 / length : 0;
}

/* f of the header and its derivative. */
static double with_margin(double cosine, double margin, double *slope)
{
    const double limit = 1 - 1e-7;
    double c = fmin(fmax(cosine, -limit), limit);
    double angle = acos(c);
    double inside = c == cosine;
    if (angle > pi - margin) {
        *slope = inside;
        return c - margin * sin(margin);
    }
    *slope = inside * sin(angle + margin) / sin(angle);
    return cos(angle + margin);
}

/* logit[K] -> softmax minus one-hot, in place; the cross-entropy is returned. */
static double cross_entropy(int classes, double *logit, int label)
{
    double highest = logit[0], sum = 0, of_label = logit[label];
    for (int k = 1; k < classes; k++)
        highest = fmax(highest, logit[k]);
    for (int k = 0; k < classes; k++)
        sum += logit[k] = exp(logit[k] - highest);
    for (int k = 0; k < classes; k++)
        logit[k] /= sum;
    logit[label] -= 1;
    return log(sum) + highest - of_label;
}

/* Adds the gradient of weight * cos(a, b) to da and db: d cos / da = (b/|b| - cos a/|a|) / |a|. */
static void cosine_backward(int size, double weight, double cosine, const float *a, double inverse_a,
                            const float *b, double inverse_b, double *da, float *db)
{
    double across = weight * inverse_a * inverse_b;
    double along_a = weight * cosine * inverse_a * inverse_a;
    double along_b = weight * cosine * inverse_b * inverse_b;
    for (int i = 0; i < size; i++) {
        da[i] += across * b[i] - along_a * a[i];
        db[i] += (float)(across * a[i] - along_b * b[i]);
    }
}

size_t wn_arcface_scratch(const wn_arcface *loss)
{
    return (3 * (size_t)loss->classes + (size_t)loss->size) * sizeof(double);
}

double wn_arcface_loss(const wn_arcface *loss, int n, const float *embedding, const float *vectors,
                       const int *labels, float *d_embedding, float *d_vectors, void *scratch)
{
    const int size = loss->size, classes = loss->classes;
    double *inverse = scratch, *cosine = inverse + classes, *logit = cosine + classes, *de = logit + classes;
    double total = 0;
    for (int k = 0; k < classes; k++)
        inverse[k] = inverse_length(size, vectors + (size_t)k * size);
    memset(d_vectors, 0, (size_t)classes * size * sizeof *d_vectors);
    for (int i = 0; i < n; i++) {
        const float *e = embedding + (size_t)i * size;
        double inverse_e = inverse_length(size, e), slope;
        for (int k = 0; k < classes; k++) {
            cosine[k] = dot(size, e, vectors + (size_t)k * size) * inverse_e * inverse[k];
            logit[k] = loss->scale * cosine[k];
        }
        logit[labels[i]] = loss->scale * with_margin(cosine[labels[i]], loss->margin, &slope);
        total += cross_entropy(classes, logit, labels[i]);
        memset(de, 0, (size_t)size * sizeof *de);
        for (int k = 0; k < classes; k++) {
            double weight = logit[k] * loss->scale / n * (k == labels[i] ? slope : 1);
            cosine_backward(size, weight, cosine[k], e, inverse_e, vectors + (size_t)k * size, inverse[k], de,
                            d_vectors + (size_t)k * size);
        }
        for (int j = 0; j < size; j++)
            d_embedding[(size_t)i * size + j] = (float)de[j];
    }
    return total / n;
}
