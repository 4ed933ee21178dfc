/* SPDX-License-Identifier: Apache-2.0
 *
 * What `winnow bench` measures. All times are in seconds. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "../src/runtime/gate_file.h"
#include "../src/runtime/plan.h"

typedef struct bench_times {
    int runs;
    double median, least, p90;
} bench_times;

/* One forward pass over `batch` pictures, divided among `threads`, again and again for about `seconds`. */
winnow_status bench_forward(const wn_plan *plan, const wn_network *network, int batch, int threads,
                            double seconds, bench_times *times, winnow_error *error);

/* The least time of each part of the plan (wn_plan_parts of them) at batch 1 on this thread. */
winnow_status bench_parts(const wn_plan *plan, const wn_network *network, double seconds, double *least,
                          winnow_error *error);

/* From the start of a process to its first verdict: the median of some `winnow check GATE PICTURE`, where the
 * picture is of the network's own size, so that decoding it takes no time. NaN where it cannot be measured.
 */
double bench_cold_start(const char *gate, int side);

/* The most memory that this process has had, in bytes. */
double bench_peak_memory(void);

#endif
