/* SPDX-License-Identifier: Apache-2.0
 * As much of POSIX threads as bench_plan.c wants, for WebAssembly: there is one thread, which waits for
 * nobody. */
#ifndef WASM_PTHREAD_H
#define WASM_PTHREAD_H

typedef int pthread_t, pthread_barrier_t;

#define pthread_barrier_init(barrier, attributes, count) ((void)(barrier))
#define pthread_barrier_wait(barrier)                    ((void)(barrier))
#define pthread_create(thread, attributes, function, argument)                                               \
    ((void)(thread), (void)(function), (void)(argument), 1 /* no second thread */)
#define pthread_join(thread, result) ((void)(thread))

#endif
