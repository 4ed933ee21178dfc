/* SPDX-License-Identifier: Apache-2.0
 * Workers sleep between runs, but look out for the next one for some microseconds first: a training step is a
 * hundred short runs in a row, and waking a thread costs more than many of them. */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS = 4000 };

typedef struct worker {
    struct wn_pool *pool;
    pthread_t thread;
    int index; /* 1 .. threads-1; the caller is 0 */
} worker;

struct wn_pool {
    int threads, started;
    int spins; /* 0 where threads outnumber cores */
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    atomic_uint run;  /* counts the runs; changed under the lock */
    atomic_int busy;  /* workers that have not finished this run */
    atomic_int next;  /* the next index to be taken */
    atomic_bool stop; /* changed under the lock */
    int count;
    wn_task task;
    void *context;
    worker *worker;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(wn_pool *pool, int self)
{
    if (pool->count == pool->threads) {
        pool->task(pool->context, self, self);
        return;
    }
    for (int i; (i = atomic_fetch_add(&pool->next, 1)) < pool->count;)
        pool->task(pool->context, i, self);
}

static void await_run(wn_pool *pool, unsigned seen)
{
    for (int i = 0; i < pool->spins; i++) {
        if (atomic_load(&pool->run) != seen)
            return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->run) == seen)
        pthread_cond_wait(&pool->start, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    wn_pool *pool = self->pool;
    for (unsigned seen = 0;; seen++) {
        await_run(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        work(pool, self->index);
        if (atomic_fetch_sub(&pool->busy, 1) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void begin_run(wn_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->run, 1);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
}

void wn_pool_run(wn_pool *pool, int count, wn_task task, void *context)
{
    if (pool->threads == 1 || count == 1) {
        for (int i = 0; i < count; i++)
            task(context, i, 0);
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->busy, pool->threads - 1);
    begin_run(pool);
    work(pool, 0);
    for (int i = 0; i < pool->spins && atomic_load(&pool->busy); i++)
        relax();
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->busy))
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

wn_pool *wn_pool_create(int threads)
{
    if (threads < 1)
        return NULL;
    wn_pool *pool = calloc(1, sizeof *pool);
    worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!pool || !workers) {
        free(pool);
        free(workers);
        return NULL;
    }
    pool->threads = threads;
    pool->spins = threads <= wn_cpu_count() ? SPINS : 0;
    pool->worker = workers;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int i = 1; i < threads; i++) {
        workers[i] = (worker){.pool = pool, .index = i};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i])) {
            wn_pool_free(pool);
            return NULL;
        }
        pool->started++;
    }
    return pool;
}

void wn_pool_free(wn_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    begin_run(pool);
    for (int i = 1; i <= pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->start);
    pthread_mutex_destroy(&pool->lock);
    free(pool->worker);
    free(pool);
}

int wn_pool_threads(const wn_pool *pool)
{
    return pool->threads;
}

int wn_cpu_count(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set))
        return CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (int)count;
}
