/* SPDX-License-Identifier: Apache-2.0
 * The Beta distribution: what order statistics of uniform p-values, and binomial tails, are made of. */
#ifndef WN_BETA_H
#define WN_BETA_H

/* P(Beta(a, b) <= x), the regularised incomplete beta function; a, b > 0, 0 <= x <= 1. Relative error about
 * 1e-12. */
double wn_beta_cdf(double a, double b, double x);

/* The x with wn_beta_cdf(a, b, x) = p; 0 <= p <= 1. */
double wn_beta_quantile(double a, double b, double p);

/* log(n choose k), 0 <= k <= n. */
double wn_log_choose(double n, double k);

#endif
