/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIDE_H
#define WIDE_H

#include "runtime/kernels/kernels.h"

void wide_kernels(wn_kernels *kernels);

#endif
