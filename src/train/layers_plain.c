/* SPDX-License-Identifier: Apache-2.0 */
#include "layers_plain.h"

#include <math.h>

/* ---- linear, 1x1 convolution ---- */

void wn_plain_linear(int rows, int cin, int cout, const float *x, const float *weight, const float *bias,
                     float *y)
{
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < cout; o++) {
            double sum = bias ? bias[o] : 0;
            for (int i = 0; i < cin; i++)
                sum += (double)x[(size_t)r * cin + i] * weight[(size_t)o * cin + i];
            y[(size_t)r * cout + o] = (float)sum;
        }
}

void wn_plain_linear_backward(int rows, int cin, int cout, const float *x, const float *weight,
                              const float *dy, float *dx, float *dweight, float *dbias)
{
    for (int r = 0; dx && r < rows; r++)
        for (int i = 0; i < cin; i++) {
            double sum = 0;
            for (int o = 0; o < cout; o++)
                sum += (double)dy[(size_t)r * cout + o] * weight[(size_t)o * cin + i];
            dx[(size_t)r * cin + i] = (float)sum;
        }
    for (int o = 0; o < cout; o++)
        for (int i = 0; i < cin; i++) {
            double sum = 0;
            for (int r = 0; r < rows; r++)
                sum += (double)dy[(size_t)r * cout + o] * x[(size_t)r * cin + i];
            dweight[(size_t)o * cin + i] = (float)sum;
        }
    for (int o = 0; dbias && o < cout; o++) {
        double sum = 0;
        for (int r = 0; r < rows; r++)
            sum += dy[(size_t)r * cout + o];
        dbias[o] = (float)sum;
    }
}

/* ---- convolution ---- */

/* Channels of the input that one output channel sees: (cout, sources, k, k) is the weight of every kind. */
static int sources(const wn_layer *l)
{
    return l->kind == WN_DEPTHWISE ? 1 : l->cin;
}

/* Index of pixel (y, x) of image b in a map of side x side pixels. */
static size_t pixel(int side, int b, int y, int x)
{
    return ((size_t)b * side + y) * side + x;
}

static bool inside(int side, int y, int x)
{
    return y >= 0 && y < side && x >= 0 && x < side;
}

void wn_plain_convolution(int n, const wn_layer *l, const float *x, const float *weight, float *y)
{
    if (l->kernel == 1) {
        wn_plain_linear(n * l->in * l->in, l->cin, l->cout, x, weight, NULL, y);
        return;
    }
    const int k = l->kernel, ns = sources(l);
    for (int b = 0; b < n; b++)
        for (int oy = 0; oy < l->out; oy++)
            for (int ox = 0; ox < l->out; ox++)
                for (int o = 0; o < l->cout; o++) {
                    double sum = 0;
                    for (int ky = 0; ky < k; ky++)
                        for (int kx = 0; kx < k; kx++) {
                            const int iy = oy * l->stride + ky - l->pad_before;
                            const int ix = ox * l->stride + kx - l->pad_before;
                            if (!inside(l->in, iy, ix))
                                continue;
                            const float *from = x + pixel(l->in, b, iy, ix) * l->cin + (ns == 1 ? o : 0);
                            for (int s = 0; s < ns; s++)
                                sum += (double)from[s] * weight[((o * ns + s) * k + ky) * k + kx];
                        }
                    y[pixel(l->out, b, oy, ox) * l->cout + o] = (float)sum;
                }
}

static void convolution_dweight(int n, const wn_layer *l, const float *x, const float *dy, float *dweight)
{
    const int k = l->kernel, ns = sources(l);
    for (int o = 0; o < l->cout; o++)
        for (int s = 0; s < ns; s++)
            for (int ky = 0; ky < k; ky++)
                for (int kx = 0; kx < k; kx++) {
                    double sum = 0;
                    for (int b = 0; b < n; b++)
                        for (int oy = 0; oy < l->out; oy++)
                            for (int ox = 0; ox < l->out; ox++) {
                                const int iy = oy * l->stride + ky - l->pad_before;
                                const int ix = ox * l->stride + kx - l->pad_before;
                                if (inside(l->in, iy, ix))
                                    sum += (double)dy[pixel(l->out, b, oy, ox) * l->cout + o] *
                                           x[pixel(l->in, b, iy, ix) * l->cin + (ns == 1 ? o : s)];
                            }
                    dweight[((o * ns + s) * k + ky) * k + kx] = (float)sum;
                }
}

/* Of a depthwise convolution: the only one with a kernel that is not the first layer. */
static void depthwise_dx(int n, const wn_layer *l, const float *weight, const float *dy, float *dx)
{
    const int k = l->kernel;
    for (int b = 0; b < n; b++)
        for (int iy = 0; iy < l->in; iy++)
            for (int ix = 0; ix < l->in; ix++)
                for (int c = 0; c < l->cin; c++) {
                    double sum = 0;
                    for (int ky = 0; ky < k; ky++)
                        for (int kx = 0; kx < k; kx++) {
                            const int y = iy + l->pad_before - ky, x = ix + l->pad_before - kx;
                            if (y % l->stride == 0 && x % l->stride == 0 &&
                                inside(l->out, y / l->stride, x / l->stride))
                                sum += (double)weight[(c * k + ky) * k + kx] *
                                       dy[pixel(l->out, b, y / l->stride, x / l->stride) * l->cout + c];
                        }
                    dx[pixel(l->in, b, iy, ix) * l->cin + c] = (float)sum;
                }
}

void wn_plain_convolution_backward(int n, const wn_layer *l, const float *x, const float *weight,
                                   const float *dy, float *dx, float *dweight)
{
    if (l->kernel == 1) {
        wn_plain_linear_backward(n * l->in * l->in, l->cin, l->cout, x, weight, dy, dx, dweight, NULL);
        return;
    }
    convolution_dweight(n, l, x, dy, dweight);
    if (dx)
        depthwise_dx(n, l, weight, dy, dx);
}

/* ---- batch norm ---- */

void wn_plain_moments(size_t rows, int channels, const float *x, float *mean, float *var)
{
    for (int c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < rows; r++)
            sum += x[r * channels + c];
        for (size_t r = 0; r < rows; r++) {
            double away = x[r * channels + c] - sum / (double)rows;
            squares += away * away;
        }
        mean[c] = (float)(sum / (double)rows);
        var[c] = (float)(squares / (double)rows);
    }
}

void wn_plain_normalise(size_t rows, int channels, const float *x, const float *mean, const float *var,
                        float epsilon, const float *gamma, const float *beta, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < channels; c++) {
            const size_t i = r * channels + c;
            double normal = ((double)x[i] - mean[c]) / sqrt((double)var[c] + epsilon);
            y[i] = (float)(normal * gamma[c] + beta[c]);
        }
}

void wn_plain_normalise_backward(size_t rows, int channels, const float *x, const float *mean,
                                 const float *var, float epsilon, const float *gamma, const float *dy,
                                 float *dx, float *dgamma, float *dbeta)
{
    for (int c = 0; c < channels; c++) {
        const double inverse = 1 / sqrt((double)var[c] + epsilon);
        double sum = 0, along = 0; /* of dy, and of dy * normalised x */
        for (size_t r = 0; r < rows; r++) {
            const size_t i = r * channels + c;
            sum += dy[i];
            along += dy[i] * ((double)x[i] - mean[c]) * inverse;
        }
        dbeta[c] = (float)sum;
        dgamma[c] = (float)along;
        for (size_t r = 0; r < rows; r++) {
            const size_t i = r * channels + c;
            const double normal = ((double)x[i] - mean[c]) * inverse;
            dx[i] = (float)(gamma[c] * inverse * (dy[i] - (sum + normal * along) / (double)rows));
        }
    }
}

/* ---- activation, pooling ---- */

void wn_plain_relu6(size_t count, const float *x, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = fminf(fmaxf(x[i], 0), 6);
}

void wn_plain_relu6_backward(size_t count, const float *x, const float *dy, float *dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = x[i] > 0 && x[i] < 6 ? dy[i] : 0;
}

void wn_plain_mean(int n, int positions, int channels, const float *x, float *y)
{
    for (int b = 0; b < n; b++)
        for (int c = 0; c < channels; c++) {
            double sum = 0;
            for (int p = 0; p < positions; p++)
                sum += x[((size_t)b * positions + p) * channels + c];
            y[(size_t)b * channels + c] = (float)(sum / positions);
        }
}

void wn_plain_mean_backward(int n, int positions, int channels, const float *dy, float *dx)
{
    for (int b = 0; b < n; b++)
        for (int p = 0; p < positions; p++)
            for (int c = 0; c < channels; c++)
                dx[((size_t)b * positions + p) * channels + c] =
                    dy[(size_t)b * channels + c] / (float)positions;
}
