/* SPDX-License-Identifier: Apache-2.0
 * What two threads can expect of this machine at this moment: how far apart its first two cores lie, as the
 * time in which a line of the cache goes from one to the other and back, and how fast one and both copy
 * memory. A virtual machine's cores are moved by the host, so times of two threads are to be read beside it.
 * Prints one line. Linux alone, as it binds threads to cores. */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 100000, COPIES = 5 };
#define BYTES ((size_t)128 << 20)

static _Alignas(128) atomic_int ping;
static _Alignas(128) atomic_int pong;
static pthread_barrier_t together;

static void bind(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void wait_for(atomic_int *ball, int round)
{
    while (atomic_load_explicit(ball, memory_order_acquire) != round)
        ;
}

/* Seconds of the fastest copy, of `threads` that copy at once. */
static double copy(int threads)
{
    char *from = malloc(BYTES), *to = malloc(BYTES);
    if (!from || !to)
        abort();
    memset(from, 1, BYTES), memset(to, 2, BYTES);
    double least = 1e9;
    for (int i = 0; i < COPIES; i++) {
        if (threads > 1)
            pthread_barrier_wait(&together);
        const double start = bench_now();
        memcpy(to, from, BYTES);
        const double seconds = bench_now() - start;
        least = seconds < least && to[i] == 1 ? seconds : least;
    }
    free(from), free(to);
    return least;
}

static void *second_core(void *unused)
{
    (void)unused;
    bind(1);
    for (int i = 1; i <= ROUNDS; i++) {
        wait_for(&ping, i);
        atomic_store_explicit(&pong, i, memory_order_release);
    }
    copy(2);
    return NULL;
}

int main(void)
{
    bind(0);
    const double alone = copy(1);
    pthread_t thread;
    pthread_barrier_init(&together, NULL, 2);
    if (pthread_create(&thread, NULL, second_core, NULL))
        return 3;
    double start = 0;
    for (int i = 1; i <= ROUNDS; i++) {
        start = i == ROUNDS / 10 ? bench_now() : start;
        atomic_store_explicit(&ping, i, memory_order_release);
        wait_for(&pong, i);
    }
    const double trip = (bench_now() - start) / (ROUNDS * 0.9), both = copy(2);
    pthread_join(thread, NULL);
    printf("two cores: %.0f ns there and back; memory read and written by a copy: %.1f GB/s by one, %.1f by "
           "both\n",
           trip * 1e9, 2e-9 * (double)BYTES / alone, 4e-9 * (double)BYTES / both);
    return 0;
}
