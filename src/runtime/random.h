/* SPDX-License-Identifier: Apache-2.0
 * Random numbers for initialising, sampling and augmenting: the same sequence from the same seed on every
 * machine. Not for cryptography. */
#ifndef WN_RANDOM_H
#define WN_RANDOM_H

#include <stdint.h>

/* xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
typedef struct wn_random {
    uint64_t state[4];
} wn_random;

/* Starts sequence `stream` of `seed`; any values are good. Streams are independent for every practical
 * purpose: give each picture of each epoch its own, and the result does not depend on which thread drew it.
 */
void wn_random_seed(wn_random *random, uint64_t seed, uint64_t stream);

/* 64 uniform bits. */
uint64_t wn_random_next(wn_random *random);

/* Uniform in [0, 1), a multiple of 2^-53. */
double wn_random_uniform(wn_random *random);

/* Uniform in [low, high). */
double wn_random_range(wn_random *random, double low, double high);

/* Uniform integer in [0, count), without bias; count >= 1. */
uint64_t wn_random_below(wn_random *random, uint64_t count);

/* Normal with mean 0 and variance 1. */
double wn_random_normal(wn_random *random);

#endif
