/* SPDX-License-Identifier: Apache-2.0
 * The kernels of training at 16 floats a register, built from whatever this machine has: the tiles of AVX-512
 * are tested where there is none. */
#include "wide_train.h"

#define WIDTH  16
#define ROWS1  8
#define ROWS2  8
#define ROWS3  8
#define PIXELS 4
#define LEVEL  WN_CPU_BASELINE
#define FILL   wide_train_kernels

/* As each form takes minutes to compile. */
#define ONE_FORM
#include "train/kernels/fp32.h"
