/* SPDX-License-Identifier: Apache-2.0
 * Run it under ThreadSanitizer too: the counters are plain memory on purpose. */
#include "train/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 1000 };

typedef struct tally {
    int done[TASKS], worker[TASKS];
} tally;

static void count_task(void *context, int index, int worker)
{
    tally *t = context;
    t->done[index]++;
    t->worker[index] = worker;
}

static void every_task_runs_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        wn_pool *pool = wn_pool_create(threads);
        assert_non_null(pool);
        assert_int_equal(wn_pool_threads(pool), threads);
        tally t;
        for (int count = 0; count < TASKS; count = count * 3 + 1) {
            memset(&t, 0, sizeof t);
            wn_pool_run(pool, count, count_task, &t);
            for (int i = 0; i < TASKS; i++) {
                assert_int_equal(t.done[i], i < count);
                assert_in_range(t.worker[i], 0, threads - 1);
            }
        }
        wn_pool_free(pool);
    }
}

static void as_many_tasks_as_threads_stay_in_place(void **state)
{
    (void)state;
    wn_pool *pool = wn_pool_create(3);
    tally t;
    memset(&t, 0, sizeof t);
    for (int run = 0; run < 5000; run++) {
        wn_pool_run(pool, 3, count_task, &t);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(t.worker[i], i);
            assert_int_equal(t.done[i], run + 1);
        }
    }
    wn_pool_free(pool);
}

static void refuses_no_threads(void **state)
{
    (void)state;
    assert_null(wn_pool_create(0));
    assert_true(wn_cpu_count() >= 1);
    wn_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(as_many_tasks_as_threads_stay_in_place),
        cmocka_unit_test(refuses_no_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
