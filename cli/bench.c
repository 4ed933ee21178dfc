/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow bench`: how fast a gate is on this machine, and how near to what the machine can do. */
#include "bench.h"
#include "../src/runtime/error.h"
#include "../src/runtime/session.h"
#include "../src/train/pool.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    int threads, batch;
    double seconds;
    bool json;
} given = {.batch = 32, .seconds = 1};

static const option_row rows[] = {
    {"threads", 0, OPTION_INTEGER, "N", "threads of the throughput (default: as many as there are cores)",
     &given.threads, 1, 256},
    {"batch", 0, OPTION_INTEGER, "N", "pictures at a time, of the throughput", &given.batch, 1, 1024},
    {"seconds", 0, OPTION_NUMBER, "S", "how long each figure is measured", &given.seconds, 0.01, 600},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "GATE",
    "Times the network of a gate on this machine: one picture on one thread, a batch on all of them, each "
    "part by itself; beside the least time that its multiply-adds need, at the most that one core can do in "
    "the gate's precision, and in float32 for the filters that are so in every gate: both are measured. Also "
    "the memory, and the time from the start of a process to its first verdict.",
    rows,
    1,
    1,
};

enum { MOST_ROWS = 2 };

typedef struct row {
    const char *precision;
    int batch, threads;
    bench_times times;
} row;

typedef struct report {
    wn_gate_file file;
    wn_plan *plan;
    double peak[2];     /* multiply-adds a second of one thread: in the gate's precision, in float32 */
    double macs, floor; /* of one picture: multiply-adds, and the seconds that they need at these peaks */
    row row[MOST_ROWS];
    int rows;
    double *part; /* [wn_plan_parts] least seconds */
    double session, memory, cold_start;
} report;

static double images_per_second(const row *r)
{
    return r->batch / r->times.median;
}

static double percent_of_peak(const report *b, const row *r)
{
    return 100 * images_per_second(r) * b->floor / r->threads;
}

static double part_floor(const report *b, int index)
{
    const wn_part_cost part = wn_plan_part(b->plan, index);
    return (double)part.dense / b->peak[0] + (double)(part.macs - part.dense) / b->peak[1];
}

static winnow_status measure_row(report *b, int batch, int threads, winnow_error *error)
{
    row *r = &b->row[b->rows];
    *r = (row){.precision = b->file.int8   ? "int8"
                            : b->file.bf16 ? "bf16"
                                           : "fp32",
               .batch = batch,
               .threads = threads};
    winnow_status status =
        bench_forward(b->plan, &b->file.network, batch, threads, given.seconds, &r->times, error);
    b->rows += !status;
    return status;
}

static winnow_status measure(report *b, const char *gate, winnow_error *error)
{
    const wn_network *network = &b->file.network;
    winnow_status status = wn_gate_file_plan(&b->file, &b->plan, error);
    if (status)
        return status;
    const int parts = wn_plan_parts(b->plan), threads = given.threads ? given.threads : wn_cpu_count();
    const wn_precision precision = b->file.int8                       ? WN_PRECISION_INT8
                                   : wn_plan_multiplies_bf16(b->plan) ? WN_PRECISION_BF16
                                                                      : WN_PRECISION_FP32;
    b->peak[0] = b->peak[1] = peak_macs(wn_cpu_level(), WN_PRECISION_FP32);
    if (precision != WN_PRECISION_FP32)
        b->peak[0] = peak_macs(wn_cpu_level(), precision);
    for (int i = 0; i < parts; i++) {
        b->macs += (double)wn_plan_part(b->plan, i).macs;
        b->floor += part_floor(b, i);
    }
    b->session = (double)wn_session_bytes(&b->file, b->plan);
    b->cold_start = bench_cold_start(gate, network->input);
    status = measure_row(b, 1, 1, error);
    b->memory = bench_peak_memory(); /* before the batch, which an app does not have */
    if (!status)
        status = measure_row(b, given.batch > threads ? given.batch : threads, threads, error);
    b->part = status ? NULL : malloc((size_t)parts * sizeof *b->part);
    if (!status)
        status =
            b->part ? bench_parts(b->plan, network, given.seconds, b->part, error) : wn_fail_memory(error);
    return status;
}

static void print_parts(const report *b)
{
    printf("\n%-27s %7s %9s %9s %9s %8s\n", "batch 1, 1 thread", "M MACs", "least us", "GMAC/s", "floor us",
           "of peak");
    for (int i = 0; i < wn_plan_parts(b->plan); i++) {
        const wn_part_cost part = wn_plan_part(b->plan, i);
        printf("%-27s %7.2f %9.1f %9.1f %9.1f %7.1f%%\n", part.name, (double)part.macs * 1e-6,
               b->part[i] * 1e6, (double)part.macs / b->part[i] * 1e-9, part_floor(b, i) * 1e6,
               100 * part_floor(b, i) / b->part[i]);
    }
    puts("(a row of three widths is a whole block: expansion, depthwise filter and projection in one pass)");
}

static void print_text(const report *b)
{
    printf("%s %g at %dx%d, %.1f million multiply-adds (MACs) a picture, %s\n",
           b->file.network.architecture->name, (double)b->file.network.width, b->file.network.input,
           b->file.network.input, b->macs * 1e-6, wn_cpu_name(wn_cpu_level()));
    printf("peak of a core: %.1f GMAC/s", b->peak[0] * 1e-9);
    if (b->peak[0] != b->peak[1])
        printf(" in %s, %.1f in float32 (stem and depthwise filters)", b->row[0].precision,
               b->peak[1] * 1e-9);
    printf("; so the floor is %.3f ms a picture\n\n", b->floor * 1e3);
    if (b->file.bf16 && !wn_plan_multiplies_bf16(b->plan))
        printf("bf16 weights, used as float32: this processor, or WINNOW_CPU, has no products of bf16\n\n");
    printf("%-9s %5s %7s %10s %9s %9s %11s %8s\n", "precision", "batch", "threads", "median ms", "least ms",
           "90% ms", "pictures/s", "of peak");
    for (int i = 0; i < b->rows; i++) {
        const row *r = &b->row[i];
        printf("%-9s %5d %7d %10.3f %9.3f %9.3f %11.1f %7.1f%%\n", r->precision, r->batch, r->threads,
               r->times.median * 1e3, r->times.least * 1e3, r->times.p90 * 1e3, images_per_second(r),
               percent_of_peak(b, r));
    }
    print_parts(b);
    printf("\nsession, beyond the weights  %8.2f MB (of it the network's %.2f MB)\n", b->session / 1e6,
           (double)wn_plan_scratch(b->plan, 1) / 1e6);
    printf("process, at the most         %8.1f MB\n", b->memory / 1e6);
    if (!isnan(b->cold_start))
        printf("start to first verdict       %8.1f ms (of a picture of the input's size)\n",
               b->cold_start * 1e3);
    else
        puts("start to first verdict       not measured: no /proc/self/exe here");
}

static int print_json(const report *b)
{
    json_t *results = json_array(), *parts = json_array();
    for (int i = 0; i < b->rows; i++) {
        const row *r = &b->row[i];
        json_array_append_new(results, json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "precision",
                                                 r->precision, "batch", r->batch, "threads", r->threads,
                                                 "median_ms", output_real(r->times.median * 1e3), "min_ms",
                                                 output_real(r->times.least * 1e3), "p90_ms",
                                                 output_real(r->times.p90 * 1e3), "images_per_second",
                                                 output_real(images_per_second(r)), "percent_of_peak",
                                                 output_real(percent_of_peak(b, r))));
    }
    for (int i = 0; i < wn_plan_parts(b->plan); i++) {
        const wn_part_cost part = wn_plan_part(b->plan, i);
        json_array_append_new(parts,
                              json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "name", part.name, "macs",
                                        (json_int_t)part.macs, "min_us", output_real(b->part[i] * 1e6),
                                        "gmacs", output_real((double)part.macs / b->part[i] * 1e-9),
                                        "floor_us", output_real(part_floor(b, i) * 1e6), "percent_of_peak",
                                        output_real(100 * part_floor(b, i) / b->part[i])));
    }
    return output_json(
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "results", results, "parts", parts, "cpu",
                  wn_cpu_name(wn_cpu_level()), "peak_gmacs", output_real(b->peak[0] * 1e-9),
                  "peak_fp32_gmacs", output_real(b->peak[1] * 1e-9), "floor_ms", output_real(b->floor * 1e3),
                  "session_mb", output_real(b->session / 1e6), "peak_rss_mb", output_real(b->memory / 1e6),
                  "cold_start_ms", output_real(b->cold_start * 1e3)));
}

int command_bench(int argc, char **argv)
{
    char **operands;
    int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status >= 0)
        return exit_status;
    winnow_error error;
    report b = {0};
    winnow_status status = wn_gate_file_read(operands[0], false, &b.file, &error);
    if (!status)
        status = measure(&b, operands[0], &error);
    exit_status = STATUS_DONE;
    if (status)
        exit_status = output_failure(&error);
    else if (given.json)
        exit_status = print_json(&b);
    else
        print_text(&b);
    free(b.part);
    wn_plan_free(b.plan);
    wn_gate_file_free(&b.file);
    return exit_status;
}
