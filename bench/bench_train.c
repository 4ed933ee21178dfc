/* SPDX-License-Identifier: Apache-2.0
 * How fast a training step is: forward, loss, backward, SGD. Prints one line in the form of
 * the peers' (tools/bench.sh), NAME MODE THREADS BATCH MS IMAGES/S, and the time of each phase; then a table:
 * what each kind of layer takes in each direction, and which share of the machine's measured peak its
 * multiply-adds reach.
 *
 *     bench_train [threads [batch [steps [network [width [input [fp32|bf16]]]]]]]
 */
#include "../cli/peak.h"
#include "bench.h"
#include "train/arcface.h"
#include "train/fast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { FORWARD, LOSS, BACKWARD, STEP, PHASES, WARMUP = 2, MOST = 10000, MOST_BATCH = 4096 };

static const char *const phase_name[] = {"forward", "loss", "backward", "sgd"};

/* ---- layers ---- */

/* [layer][backward], the least of all steps: what else the machine does only adds. The packing of weights
 * counts to the first layer, the embedding's backward to the last. */
static double layer_seconds[WN_MAX_LAYERS][2], last_passed;

static void passed(int layer, bool backward)
{
    const double now = bench_now();
    double *least = &layer_seconds[layer][backward];
    if (!*least || now - last_passed < *least)
        *least = now - last_passed;
    last_passed = now;
}

/* Multiply-adds of a layer for one image; backward does them twice, but for the first layer. */
static double layer_macs(const wn_network *network, int index, bool backward)
{
    const wn_layer *layer = &network->layer[index];
    const double macs = (double)layer->out * layer->out * (double)layer->weight_count;
    return backward && index > 0 ? 2 * macs : macs;
}

/* Those that are done in the layer's pass: a fused expansion's are in that of the depthwise layer behind it
 * (fast_fused.c), and what is left of its own is not counted. */
static double pass_macs(const wn_model *model, int index, bool backward)
{
    if (backward && wn_fuses(model, index))
        return 0;
    double macs = layer_macs(&model->network, index, backward);
    if (backward && index && wn_fuses(model, index - 1))
        macs += layer_macs(&model->network, index - 1, true);
    return macs;
}

static void print_row(const char *name, double seconds, double macs, double all, double peak)
{
    printf("  %-34s %8.2f ms %5.1f %%", name, seconds * 1e3, 100 * seconds / all);
    if (macs > 0)
        printf(" %7.1f GMAC/s %5.1f %% of peak\n", macs / seconds * 1e-9, 100 * macs / seconds / peak);
    else
        printf(" fused: counted to the depthwise layer\n");
}

/* One row for neighbours of the same kind and size. */
static void print_layers(const wn_model *model, double all, double peak)
{
    const wn_network *network = &model->network;
    static const char *const kind[] = {[WN_STEM] = "stem",
                                       [WN_EXPAND] = "expand",
                                       [WN_DEPTHWISE] = "depthwise",
                                       [WN_PROJECT] = "project",
                                       [WN_LAST] = "last"};
    for (int backward = 0; backward < 2; backward++) {
        bool done[WN_MAX_LAYERS] = {false};
        for (int l = 0; l < network->count; l++) {
            const wn_layer *a = &network->layer[l];
            double seconds = 0, macs = 0;
            int count = 0;
            for (int i = l; i < network->count; i++) {
                const wn_layer *b = &network->layer[i];
                if (done[i] || b->kind != a->kind || b->out != a->out || b->cin != a->cin ||
                    b->cout != a->cout)
                    continue;
                done[i] = true;
                count++;
                seconds += layer_seconds[i][backward];
                macs += pass_macs(model, i, backward) * model->options.batch;
            }
            char name[64];
            snprintf(name, sizeof name, "%-8s %-9s %3dx%-3d %4d>%-4d x%d", backward ? "backward" : "forward",
                     kind[a->kind], a->out, a->out, a->cin, a->cout, count);
            if (count)
                print_row(name, seconds, macs, all, peak);
        }
    }
}

/* ---- steps ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void die(const winnow_error *error)
{
    fprintf(stderr, "bench_train: %s\n", error->message);
    exit(2);
}

static wn_model *model_of(const wn_network *network, int batch, bool bf16, wn_pool *pool)
{
    const wn_model_options options = {
        .batch = batch, .classes = 2, .margin = 0.499f, .scale = 64, .bf16 = bf16};
    wn_model *model;
    winnow_error error;
    if (wn_model_create(network, &options, pool, &model, &error))
        die(&error);
    wn_params_initialise(network, 1, wn_model_params(model));
    srand(1);
    const size_t inputs = (size_t)batch * network->input * network->input * 3;
    for (size_t i = 0; i < inputs; i++)
        wn_model_input(model)[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
    for (int i = 0; i < 2 * network->embedding; i++)
        wn_model_class_vectors(model)[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    return model;
}

/* The parts of wn_model_train and wn_model_step, timed. Returns the loss. */
static double run_step(wn_model *model, const wn_sgd *sgd, const int *labels, double phase[PHASES])
{
    const int n = model->options.batch;
    const wn_arcface loss = {model->network.embedding, 2, model->options.margin, model->options.scale};
    const double start = last_passed = bench_now();
    model->engine->forward(model, n, true, NULL);
    const double forward = bench_now();
    const double value = wn_arcface_loss(&loss, n, model->embedding, model->class_vectors, labels,
                                         model->d_embedding, model->class_gradients, model->loss_scratch);
    const double lost = last_passed = bench_now();
    model->engine->backward(model, n);
    const double backward = bench_now();
    wn_model_step(model, sgd);
    phase[FORWARD] = forward - start;
    phase[LOSS] = lost - forward;
    phase[BACKWARD] = backward - lost;
    phase[STEP] = bench_now() - backward;
    return value;
}

static int number(int argc, char **argv, int index, int otherwise, int most)
{
    const int value = index < argc ? atoi(argv[index]) : otherwise;
    if (value < 1 || value > most) {
        fprintf(stderr,
                "usage: bench_train [threads [batch [steps [network [width [input [fp32|bf16]]]]]]]\n");
        exit(2);
    }
    return value;
}

/* What a run of steps took: seconds of each phase, and in all. */
typedef struct timing {
    int steps;
    double *time[PHASES + 1]; /* [steps] */
    double first, last;       /* losses */
} timing;

static timing new_timing(int steps)
{
    timing t = {.steps = steps};
    for (int p = 0; p <= PHASES; p++)
        if (!(t.time[p] = malloc((size_t)steps * sizeof *t.time[p])))
            abort();
    return t;
}

static void time_steps(wn_model *model, timing *t)
{
    const int batch = model->options.batch;
    const wn_sgd sgd = {.rate = 1e-3f, .momentum = 0.9f, .weight_decay = 1e-4f, .class_rate = 1e-2f};
    int labels[MOST_BATCH];
    double phase[PHASES];
    for (int i = 0; i < batch; i++)
        labels[i] = i % 2;
    for (int i = -WARMUP; i < t->steps; i++) {
        if (!i)
            memset(layer_seconds, 0, sizeof layer_seconds);
        t->last = run_step(model, &sgd, labels, phase);
        if (i == -WARMUP)
            t->first = t->last;
        if (i < 0)
            continue;
        t->time[PHASES][i] = 0;
        for (int p = 0; p < PHASES; p++)
            t->time[PHASES][i] += t->time[p][i] = phase[p];
    }
}

/* The line, then the table. */
static void print(const wn_model *model, const timing *t)
{
    const wn_network *network = &model->network;
    const int threads = wn_pool_threads(model->pool), batch = model->options.batch;
    const double middle = median(t->time[PHASES], t->steps), best = t->time[PHASES][0]; /* median() sorts */
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("winnow train_%s%s %d %d %.3f %.1f width=%g input=%d min_ms=%.1f best_img/s=%.1f rss_mb=%ld",
           network->architecture->name, model->options.bf16 ? "_bf16" : "", threads, batch, middle * 1e3,
           batch / middle, (double)network->width, network->input, best * 1e3, batch / best,
           usage.ru_maxrss / 1024);
    for (int p = 0; p < PHASES; p++)
        printf(" %s=%.1f", phase_name[p], median(t->time[p], t->steps) * 1e3);
    printf(" losses=%.3f..%.3f\n", t->first, t->last);
    const double peak = peak_macs(wn_cpu_level(), WN_PRECISION_FP32) * threads;
    printf("  peak of %d threads, %s: %.1f GMAC/s\n", threads, wn_cpu_name(wn_cpu_level()), peak * 1e-9);
    print_layers(model, best, peak);
}

int main(int argc, char **argv)
{
    const int threads = number(argc, argv, 1, wn_cpu_count(), 1024),
              batch = number(argc, argv, 2, 32, MOST_BATCH), steps = number(argc, argv, 3, 12, MOST),
              input = number(argc, argv, 6, 128, 224);
    const float width = argc > 5 ? (float)atof(argv[5]) : 1;
    const bool bf16 = argc > 7 && !strcmp(argv[7], "bf16");
    wn_network network;
    winnow_error error;
    if (wn_network_create(argc > 4 ? argv[4] : "mobilenet_v2", width, input, 512, &network, &error))
        die(&error);
    wn_pool *pool = wn_pool_create(threads);
    if (!pool)
        return 3;
    wn_model *model = model_of(&network, batch, bf16, pool);
    timing t = new_timing(steps);
    model->passed = passed;
    time_steps(model, &t);
    print(model, &t);
    wn_model_free(model);
    wn_pool_free(pool);
    for (int p = 0; p <= PHASES; p++)
        free(t.time[p]);
    return 0;
}
