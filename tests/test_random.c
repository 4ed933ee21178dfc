/* SPDX-License-Identifier: Apache-2.0
 * The generator against its published sequence, and its distributions. */
#include "runtime/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* xoshiro256** from the state {1, 2, 3, 4}: the vector that Rust's rand_xoshiro tests against. */
static void random_bits_are_xoshiros(void **state)
{
    (void)state;
    wn_random random = {{1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240, 1216172134540287360};
    for (size_t i = 0; i < LENGTH(expected); i++)
        assert_true(wn_random_next(&random) == expected[i]);
}

static void random_numbers_have_their_distribution(void **state)
{
    (void)state;
    enum { COUNT = 1000000, BINS = 10 };
    wn_random random, other;
    double sum = 0, squares = 0, fourths = 0;
    long bins[BINS] = {0}, tail = 0;
    wn_random_seed(&random, 1, 0);
    for (int i = 0; i < COUNT; i++) {
        const double x = wn_random_normal(&random);
        sum += x;
        squares += x * x;
        fourths += x * x * x * x;
        tail += fabs(x) > 1.959963984540054;
        bins[wn_random_below(&random, BINS)]++;
        const double u = wn_random_uniform(&random);
        assert_true(u >= 0 && u < 1);
    }
    /* each within five standard deviations of its estimate */
    assert_true(fabs(sum / COUNT) < 5e-3);
    assert_true(fabs(squares / COUNT - 1) < 7.1e-3);
    assert_true(fabs(fourths / COUNT - 3) < 5e-2);
    assert_true(labs(tail - COUNT / 20) < 1090);
    for (int i = 0; i < BINS; i++)
        assert_true(labs(bins[i] - COUNT / BINS) < 1500);
    wn_random_seed(&random, 1, 1);
    wn_random_seed(&other, 2, 0);
    assert_true(wn_random_next(&random) != wn_random_next(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bits_are_xoshiros),
        cmocka_unit_test(random_numbers_have_their_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
