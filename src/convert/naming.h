/* SPDX-License-Identifier: Apache-2.0
 * Whose tensors are these? Finds the network, its width and the names' scheme from names and shapes alone:
 * - PREFIX0.0.weight, PREFIX1.conv.0.0.weight ...: torchvision's MobileNetV2. PREFIX is "features." there,
 *   "0." in a Sequential(features, ...), "module.features." after DataParallel, and so on
 * - PREFIX0.0.weight, PREFIX1.conv.0.weight ...: pytorch-mobilenet-v2's, where a block is one Sequential
 * - PREFIX_conv_stem.weight ...: efficientnet_pytorch's EfficientNet-Lite0
 */
#ifndef WN_NAMING_H
#define WN_NAMING_H

#include "../runtime/network.h"
#include "weights.h"

typedef struct wn_identity {
    wn_network network;                          /* of the least input; its embedding is the head's, or 512 */
    const char *scheme;                          /* the names' scheme, e.g. "torchvision"; static */
    const char *prefix;                          /* the weights' */
    const wn_weight *embedding, *embedding_bias; /* a linear layer on the features that is no classifier, or
                                                    NULL */
} wn_identity;

/* Refuses weights that are of no network we know, naming the first tensor that does not fit the nearest one.
 */
winnow_status wn_identify(wn_weights *weights, wn_identity *identity, winnow_error *error);

/* Fills params, created for identity->network, with the weights; the embedding stays as it is where the
 * weights have none. Refuses numbers that are not finite, and variances below 0. */
winnow_status wn_identity_params(const wn_weights *weights, const wn_identity *identity, wn_params *params,
                                 winnow_error *error);

#endif
