/* SPDX-License-Identifier: Apache-2.0
 * What a pretrained network knows is kept by a penalty on the distance of its features from where they were,
 * as a distillation of the network into itself (Romero et al., arXiv 1412.6550; Li and Hoiem, arXiv
 * 1606.09282). */
#ifndef WN_KEEP_H
#define WN_KEEP_H

/* The loss weight * mean over n of |f/|f| - t/|t||^2, of features f and targets t (n, size), and its gradient
 * d_features (n, size), which is overwritten. A vector of length 0 has no direction, and no gradient. Inside
 * all is float64. */
double wn_keep_loss(int n, int size, float weight, const float *features, const float *targets,
                    float *d_features);

#endif
