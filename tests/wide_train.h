/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIDE_TRAIN_H
#define WIDE_TRAIN_H

#include "train/kernels/kernels.h"

void wide_train_kernels(wn_train_kernels *kernels);

#endif
