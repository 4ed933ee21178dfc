/* SPDX-License-Identifier: Apache-2.0
 * A small pool of worker threads with one primitive: run `count` tasks and wait. pthreads rather than OpenMP,
 * so that ThreadSanitizer sees every synchronisation. */
#ifndef WN_POOL_H
#define WN_POOL_H

typedef struct wn_pool wn_pool;

/* threads >= 1, counting the caller; NULL on failure. wn_pool_create(1) starts none and runs tasks inline. */
wn_pool *wn_pool_create(int threads);
void wn_pool_free(wn_pool *pool);
int wn_pool_threads(const wn_pool *pool);

/* Calls task(context, index, worker) for every 0 <= index < count; worker < threads names the thread, for
 * per-thread scratch. Returns when all have run. With count == threads each worker gets exactly its own index
 * == worker (static placement: data stays in its core's cache). */
typedef void (*wn_task)(void *context, int index, int worker);
void wn_pool_run(wn_pool *pool, int count, wn_task task, void *context);

/* Cores that this process may use. */
int wn_cpu_count(void);

#endif
