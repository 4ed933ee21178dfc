/* SPDX-License-Identifier: Apache-2.0
 * Times the inference plan.
 *
 *     bench_plan [THREADS [BATCH [RUNS [ARCHITECTURE [WIDTH [INPUT [PRECISION]]]]]]]
 *
 * A batch is divided among the threads. Prints one line in the form of the peers' benches: name, precision,
 * threads, batch, median milliseconds, images a second. `winnow bench` shows the parts. */
#include "bench.h"
#include "runtime/stage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct worker {
    const wn_plan *plan;
    const float *images;
    const wn_outputs *outputs;
    void *scratch;
    int batch, runs;
    pthread_barrier_t *start, *end;
    double *seconds; /* [runs] of the slowest worker; written by worker 0 alone */
} worker;

static void *memory(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!block)
        abort();
    memset(block, 0, bytes);
    return block;
}

static void *work(void *argument)
{
    const worker *w = argument;
    for (int i = 0; i < w->runs; i++) {
        pthread_barrier_wait(w->start);
        const double start = bench_now();
        wn_plan_run(w->plan, w->batch, w->images, w->outputs, w->scratch);
        pthread_barrier_wait(w->end);
        if (w->seconds)
            w->seconds[i] = bench_now() - start;
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_plan(const wn_plan *plan, int threads, int batch, int runs)
{
    const wn_network *network = &plan->network;
    const size_t image = (size_t)network->input * network->input * 3;
    float *images = memory(image * batch * sizeof(float));
    for (size_t i = 0; i < image * batch; i++)
        images[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
    float *embeddings = memory((size_t)batch * network->embedding * sizeof(float));
    wn_outputs *outputs = memory(batch * sizeof *outputs);
    for (int i = 0; i < batch; i++)
        outputs[i].embedding = embeddings + (size_t)i * network->embedding;
    double *seconds = memory(runs * sizeof *seconds);
    worker *workers = memory(threads * sizeof *workers);
    pthread_t *ids = memory(threads * sizeof *ids);
    pthread_barrier_t start, end;
    pthread_barrier_init(&start, NULL, threads);
    pthread_barrier_init(&end, NULL, threads);
    for (int t = 0; t < threads; t++) {
        const int from = batch * t / threads, to = batch * (t + 1) / threads;
        workers[t] = (worker){plan,
                              images + from * image,
                              outputs + from,
                              memory(wn_plan_scratch(plan, to - from)),
                              to - from,
                              runs,
                              &start,
                              &end,
                              t ? NULL : seconds};
        if (t && pthread_create(&ids[t], NULL, work, &workers[t]))
            abort();
    }
    work(&workers[0]);
    for (int t = 0; t < threads; t++) {
        if (t)
            pthread_join(ids[t], NULL);
        free(workers[t].scratch);
    }
    qsort(seconds, runs, sizeof *seconds, by_value);
    const double median = seconds[runs / 2];
    printf("winnow %s-%s %d %d %.3f %.1f min_ms=%.3f p90_ms=%.3f scratch_kb=%zu\n",
           plan->int8                      ? "int8"
           : !plan->bf16                   ? "fp32"
           : wn_plan_multiplies_bf16(plan) ? "bf16"
                                           : "bf16-as-fp32",
           wn_cpu_name(plan->kernels.level), threads, batch, median * 1e3, batch / median, seconds[0] * 1e3,
           seconds[runs * 9 / 10] * 1e3, wn_plan_scratch(plan, (batch + threads - 1) / threads) >> 10);
    free(images), free(embeddings), free(outputs), free(seconds), free(workers), free(ids);
}

/* An int8 plan with the ranges that one picture of noise gives a float32 plan. */
static winnow_status create_int8(const wn_network *network, const wn_params *params, wn_plan **plan,
                                 winnow_error *error)
{
    const size_t values = (size_t)network->input * network->input * 3;
    wn_ranges ranges = {0};
    wn_plan *full;
    winnow_status status = wn_plan_create(network, params, WN_PRECISION_FP32, &full, error);
    if (status)
        return status;
    float *image = memory(values * sizeof *image);
    for (size_t i = 0; i < values; i++)
        image[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
    void *scratch = memory(wn_plan_scratch(full, 1));
    wn_plan_observe(full, image, scratch, &ranges);
    free(scratch), free(image);
    wn_plan_free(full);
    return wn_plan_create_int8(network, params, &ranges, plan, error);
}

int main(int count, char **arguments)
{
    const char *text[] = {"1", "1", "200", "mobilenet_v2", "1", "128", "fp32"};
    for (int i = 1; i < count && i <= 7; i++)
        text[i - 1] = arguments[i];
    wn_network network;
    wn_params params;
    wn_plan *plan;
    winnow_error error;
    if (wn_network_create(text[3], strtof(text[4], NULL), atoi(text[5]), 512, &network, &error) ||
        wn_params_create(&network, &params, &error)) {
        fprintf(stderr, "bench_plan: %s\n", error.message);
        return 2;
    }
    wn_params_initialise(&network, 1, &params);
    const bool int8 = !strcmp(text[6], "int8");
    if (int8 ? create_int8(&network, &params, &plan, &error)
             : wn_plan_create(&network, &params,
                              strcmp(text[6], "bf16") ? WN_PRECISION_FP32 : WN_PRECISION_BF16, &plan,
                              &error)) {
        fprintf(stderr, "bench_plan: %s\n", error.message);
        return 2;
    }
    wn_params_free(&params);
    const int threads = atoi(text[0]), batch = atoi(text[1]), runs = atoi(text[2]);
    if (threads < 1 || batch < threads || runs < 1) {
        fprintf(stderr, "bench_plan: threads, batch and runs must be positive, and batch at least threads\n");
        return 2;
    }
    time_plan(plan, threads, batch, runs);
    wn_plan_free(plan);
    return 0;
}
