/* SPDX-License-Identifier: Apache-2.0 */
#include "../src/codec/codec.h"
#include "../src/runtime/random.h"
#include "../src/train/pool.h"
#include "bench.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RUNS = 100000, LEAST_RUNS = 11, WARM_UP = 3, COLD_STARTS = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- forward passes ---- */

/* A batch of pictures, one share of it and one scratch a thread. */
typedef struct forward {
    const wn_plan *plan;
    const wn_network *network;
    int batch, threads;
    float *images, *features;
    wn_outputs *outputs;
    void **scratch;
} forward;

static size_t image_size(const wn_network *network)
{
    return (size_t)network->input * (size_t)network->input * 3;
}

static int share(const forward *f, int worker)
{
    return f->batch * worker / f->threads;
}

static void free_forward(forward *f)
{
    for (int t = 0; f->scratch && t < f->threads; t++)
        free(f->scratch[t]);
    free(f->scratch);
    free(f->images);
    free(f->features);
    free(f->outputs);
}

static winnow_status make_forward(forward *f, winnow_error *error)
{
    const size_t values = image_size(f->network) * (size_t)f->batch;
    const size_t outputs = (size_t)(f->network->features + f->network->embedding);
    f->images = aligned_alloc(64, (values * sizeof *f->images + 63) / 64 * 64);
    f->features = malloc(outputs * (size_t)f->batch * sizeof *f->features);
    f->outputs = calloc((size_t)f->batch, sizeof *f->outputs);
    f->scratch = calloc((size_t)f->threads, sizeof *f->scratch);
    if (!f->images || !f->features || !f->outputs || !f->scratch)
        return wn_fail_memory(error);
    for (int t = 0; t < f->threads; t++) {
        f->scratch[t] = aligned_alloc(64, wn_plan_scratch(f->plan, share(f, t + 1) - share(f, t)));
        if (!f->scratch[t])
            return wn_fail_memory(error);
    }
    wn_random random;
    wn_random_seed(&random, 1, 0);
    for (size_t i = 0; i < values; i++)
        f->images[i] = (float)wn_random_range(&random, -1, 1);
    for (int i = 0; i < f->batch; i++) {
        f->outputs[i].features = f->features + (size_t)i * outputs;
        f->outputs[i].embedding = f->outputs[i].features + f->network->features;
    }
    return WINNOW_OK;
}

static void run_share(void *context, int index, int worker)
{
    (void)worker;
    const forward *f = context;
    const int from = share(f, index), to = share(f, index + 1);
    wn_plan_run(f->plan, to - from, f->images + (size_t)from * image_size(f->network), f->outputs + from,
                f->scratch[index]);
}

static void summarise(double *seconds, int runs, bench_times *times)
{
    qsort(seconds, (size_t)runs, sizeof *seconds, by_value);
    *times = (bench_times){runs, seconds[runs / 2], seconds[0], seconds[runs * 9 / 10]};
}

winnow_status bench_forward(const wn_plan *plan, const wn_network *network, int batch, int threads,
                            double seconds, bench_times *times, winnow_error *error)
{
    forward f = {.plan = plan, .network = network, .batch = batch, .threads = threads};
    double *time = malloc(MOST_RUNS * sizeof *time);
    wn_pool *pool = wn_pool_create(threads);
    winnow_status status = time && pool ? make_forward(&f, error) : wn_fail_memory(error);
    if (!status) {
        const double end = now() + seconds;
        int runs = -WARM_UP;
        for (; runs < LEAST_RUNS || (runs < MOST_RUNS && now() < end); runs++) {
            const double start = now();
            wn_pool_run(pool, threads, run_share, &f);
            if (runs >= 0)
                time[runs] = now() - start;
        }
        summarise(time, runs, times);
    }
    free_forward(&f);
    wn_pool_free(pool);
    free(time);
    return status;
}

/* ---- parts ---- */

typedef struct stopwatch {
    double last, *least;
} stopwatch;

static void part_done(void *context, int part)
{
    stopwatch *watch = context;
    const double t = now(), took = t - watch->last;
    if (took < watch->least[part])
        watch->least[part] = took;
    watch->last = now();
}

winnow_status bench_parts(const wn_plan *plan, const wn_network *network, double seconds, double *least,
                          winnow_error *error)
{
    forward f = {.plan = plan, .network = network, .batch = 1, .threads = 1};
    winnow_status status = make_forward(&f, error);
    for (int part = 0; part < wn_plan_parts(plan); part++)
        least[part] = INFINITY;
    const double end = now() + seconds;
    stopwatch watch = {0, least};
    for (int run = 0; !status && (run < LEAST_RUNS || now() < end); run++) {
        watch.last = now();
        wn_plan_trace(plan, f.images, f.outputs, f.scratch[0], part_done, &watch);
    }
    free_forward(&f);
    return status;
}

/* ---- processes ---- */

double bench_peak_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    return (double)usage.ru_maxrss;
#else
    return (double)usage.ru_maxrss * 1024;
#endif
}

/* A flat picture as a file; its descriptor, or -1. */
static int write_picture(int side, char *path)
{
    const size_t size = (size_t)side * (size_t)side * 3;
    uint8_t *rgb = malloc(size);
    void *bytes = NULL;
    size_t length = 0;
    int file = -1;
    if (rgb)
        memset(rgb, 128, size);
    if (rgb && !codec_encode_png(rgb, side, side, &bytes, &length, NULL))
        file = mkstemp(path);
    if (file >= 0 && write(file, bytes, length) != (ssize_t)length) {
        close(file);
        unlink(path);
        file = -1;
    }
    free(bytes);
    free(rgb);
    return file;
}

/* Seconds of one `winnow check`; NaN where it could not run. */
static double start_once(const char *gate, const char *picture)
{
    const double start = now();
    const pid_t process = fork();
    if (!process) {
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execl("/proc/self/exe", "winnow", "check", "--threads", "1", gate, picture, (char *)NULL);
        _exit(127);
    }
    int status;
    if (process < 0 || waitpid(process, &status, 0) != process || !WIFEXITED(status) ||
        WEXITSTATUS(status) > 1)
        return NAN;
    return now() - start;
}

double bench_cold_start(const char *gate, int side)
{
    char path[] = "/tmp/winnow-bench-XXXXXX";
    const int file = write_picture(side, path);
    if (file < 0)
        return NAN;
    double seconds[COLD_STARTS], median = NAN;
    int count = 0;
    for (int i = 0; i < COLD_STARTS; i++) {
        seconds[count] = start_once(gate, path);
        count += !isnan(seconds[count]);
    }
    if (count) {
        qsort(seconds, (size_t)count, sizeof *seconds, by_value);
        median = seconds[count / 2];
    }
    close(file);
    unlink(path);
    return median;
}
