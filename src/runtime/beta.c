/* SPDX-License-Identifier: Apache-2.0
 * The incomplete beta function by its continued fraction (NIST DLMF 8.17.22) evaluated with the modified
 * Lentz method (Thompson and Barnett, 1986). The fraction converges fast for x below the mean; above it the
 * symmetry I_x(a, b) = 1 - I_{1-x}(b, a) is used. */
#include "beta.h"

#ifdef __APPLE__
#define _REENTRANT /* for lgamma_r */
#endif

#include <math.h>

/* lgamma without the global `signgam`, which threads would share. */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

double wn_log_choose(double n, double k)
{
    return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1);
}

/* Coefficient d_j of the continued fraction. */
static double coefficient(double a, double b, double x, int j)
{
    int m = j / 2;
    if (j % 2)
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
}

static double away_from_zero(double value)
{
    return fabs(value) < 1e-300 ? 1e-300 : value;
}

/* 1 + d_1/(1 + d_2/(1 + ...)). */
static double fraction(double a, double b, double x)
{
    double value = 1, c = 1, d = 0;
    for (int j = 1; j < 100000; j++) {
        double term = coefficient(a, b, x, j);
        d = 1 / away_from_zero(1 + term * d);
        c = away_from_zero(1 + term / c);
        value *= c * d;
        if (fabs(c * d - 1) < 1e-15)
            break;
    }
    return value;
}

static double lower_tail(double a, double b, double x)
{
    double log_front = a * log(x) + b * log1p(-x) + log_gamma(a + b) - log_gamma(a) - log_gamma(b);
    return exp(log_front) / (a * fraction(a, b, x));
}

double wn_beta_cdf(double a, double b, double x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    if (x > (a + 1) / (a + b + 2))
        return 1 - lower_tail(b, a, 1 - x);
    return lower_tail(a, b, x);
}

double wn_beta_quantile(double a, double b, double p)
{
    double low = 0, high = 1;
    for (int i = 0; i < 200 && high - low > 1e-16 * high; i++) {
        double middle = low + (high - low) / 2;
        if (wn_beta_cdf(a, b, middle) < p)
            low = middle;
        else
            high = middle;
    }
    return p <= 0 ? 0 : p >= 1 ? 1 : low + (high - low) / 2;
}
