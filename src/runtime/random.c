/* SPDX-License-Identifier: Apache-2.0
 * xoshiro256** seeded by SplitMix64; normals by Marsaglia's polar method. Only + - * / and sqrt on doubles,
 * which IEEE 754 rounds the same everywhere: libm's log would differ in the last bit between systems. */
#include "random.h"

#include <math.h>

/* SplitMix64 (Steele, Lea and Flood, 2014): the seeding that xoshiro's authors recommend. */
static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void wn_random_seed(wn_random *random, uint64_t seed, uint64_t stream)
{
    /* Hashing the seed before the stream is added keeps (seed, stream) and (seed + 1, stream - 1) apart. */
    uint64_t x = splitmix(&seed) ^ stream;
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix(&x);
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t wn_random_next(wn_random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double wn_random_uniform(wn_random *random)
{
    return (double)(wn_random_next(random) >> 11) * 0x1p-53;
}

double wn_random_range(wn_random *random, double low, double high)
{
    return low + (high - low) * wn_random_uniform(random);
}

uint64_t wn_random_below(wn_random *random, uint64_t count)
{
    /* Values below 2^64 mod count would make the low results likelier: draw again. */
    const uint64_t least = -count % count;
    uint64_t x;
    do
        x = wn_random_next(random);
    while (x < least);
    return x % count;
}

/* ln(x) for x > 0 as exponent * ln 2 + 2 artanh((m - 1) / (m + 1)); error below 1e-15. */
static double natural_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    const double t = (m - 1) / (m + 1), t2 = t * t;
    double sum = 0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * t2 + 1.0 / k;
    return exponent * 0.69314718055994531 + 2 * t * sum;
}

double wn_random_normal(wn_random *random)
{
    double u, v, s;
    do {
        u = wn_random_range(random, -1, 1);
        v = wn_random_range(random, -1, 1);
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * natural_log(s) / s);
}
