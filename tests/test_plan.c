/* SPDX-License-Identifier: Apache-2.0
 * The reference against PyTorch's float64 (tests/oracle/plan.py); the plan, on every instruction set of this
 * machine, against PyTorch and against the reference. Errors are relative to the largest expected value. */
#include "formula.h"
#include "golden/plan.h"
#include "runtime/cpu.h"
#include "runtime/plan.h"
#include "runtime/session.h"
#include "runtime/stage.h"
#include "wide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* A network, its weights, some pictures and room for every output of each. */
typedef struct fixture {
    wn_network network;
    wn_params params;
    int batch;
    float *images;
    wn_outputs outputs[5], expected[5];
} fixture;

static void *allocate(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

static wn_outputs make_outputs(const wn_network *network)
{
    const size_t grid = (size_t)network->grid * network->grid;
    return (wn_outputs){
        .bottleneck = allocate(network->bottleneck * sizeof(float)),
        .features = allocate(network->features * sizeof(float)),
        .embedding = allocate(network->embedding * sizeof(float)),
        .bottleneck_map = allocate(grid * network->bottleneck * sizeof(float)),
        .features_map = allocate(grid * network->features * sizeof(float)),
        .layer_output = {allocate(2048 * sizeof(float)), allocate(2048 * sizeof(float))},
        .layer_map = {allocate(grid * 2048 * sizeof(float)), allocate(grid * 2048 * sizeof(float))},
    };
}

static void free_outputs(wn_outputs *outputs)
{
    free(outputs->bottleneck);
    free(outputs->features);
    free(outputs->embedding);
    free(outputs->bottleneck_map);
    free(outputs->features_map);
    for (int o = 0; o < WN_LAYER_OUTPUTS; o++) {
        free(outputs->layer_output[o]);
        free(outputs->layer_map[o]);
    }
}

static void set_up(fixture *f, const char *architecture, float width, int input, int embedding, int batch)
{
    winnow_error error;
    if (wn_network_create(architecture, width, input, embedding, &f->network, &error) ||
        wn_params_create(&f->network, &f->params, &error))
        fail_msg("%s", error.message);
    formula_params(&f->network, &f->params);
    f->batch = batch;
    f->images = allocate((size_t)batch * input * input * 3 * sizeof(float));
    for (int i = 0; i < batch; i++) {
        formula_image(input, i, f->images + (size_t)i * input * input * 3);
        f->outputs[i] = make_outputs(&f->network);
        f->expected[i] = make_outputs(&f->network);
    }
}

static void tear_down(fixture *f)
{
    for (int i = 0; i < f->batch; i++) {
        free_outputs(&f->outputs[i]);
        free_outputs(&f->expected[i]);
    }
    free(f->images);
    wn_params_free(&f->params);
}

/* Pooled features by themselves give the embedding that they gave. */
static void check_embed(const fixture *f, const wn_plan *plan, void *scratch)
{
    const size_t bytes = f->network.embedding * sizeof(float);
    float *embedding = allocate(bytes);
    memset(scratch, 0xff, wn_plan_scratch(plan, 1));
    wn_plan_embed(plan, f->outputs[0].features, embedding, scratch);
    assert_memory_equal(embedding, f->outputs[0].embedding, bytes);
    free(embedding);
}

/* Runs the plan of the current instruction set over the first `batch` pictures. Scratch starts as garbage,
 * and the bytes behind it must survive. */
static void run_plan(fixture *f, int batch)
{
    winnow_error error;
    wn_plan *plan;
    if (wn_plan_create(&f->network, &f->params, WN_PRECISION_FP32, &plan, &error))
        fail_msg("%s", error.message);
    const size_t size = wn_plan_scratch(plan, batch);
    unsigned char *scratch = allocate(size + 64);
    memset(scratch, 0xff, size + 64); /* NaN in every float */
    wn_plan_run(plan, batch, f->images, f->outputs, scratch);
    if (f->outputs[0].features)
        check_embed(f, plan, scratch);
    for (size_t i = size; i < size + 64; i++)
        assert_int_equal(scratch[i], 0xff);
    free(scratch);
    wn_plan_free(plan);
}

static void run_reference(fixture *f, int image)
{
    winnow_error error;
    const size_t pixels = (size_t)f->network.input * f->network.input;
    if (wn_plan_reference(&f->network, &f->params, f->images + image * pixels * 3, &f->expected[image],
                          &error))
        fail_msg("%s", error.message);
}

static void check_floats(const char *what, const float *got, const float *expected, size_t count,
                         double tolerance)
{
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i]));
    assert_true(scale > 0.01);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - expected[i]) <= tolerance * scale))
            fail_msg("%s[%zu] is %.9g instead of %.9g", what, i, (double)got[i], (double)expected[i]);
}

static void check_doubles(const char *what, const float *got, const double *expected, size_t count,
                          double tolerance)
{
    float rounded[64];
    for (size_t i = 0; i < count; i++)
        rounded[i] = (float)expected[i];
    check_floats(what, got, rounded, count, tolerance);
}

static void check_golden(const wn_outputs *outputs, size_t golden, double tolerance)
{
    check_doubles("embedding", outputs->embedding, golden_plans[golden].embedding, GOLDEN_EMBEDDING,
                  tolerance);
    check_doubles("features", outputs->features, golden_plans[golden].features, GOLDEN_CHANNELS, tolerance);
    check_doubles("bottleneck", outputs->bottleneck, golden_plans[golden].bottleneck, GOLDEN_CHANNELS,
                  tolerance);
}

/* Every instruction set of this machine, from the lowest. */
static bool next_level(wn_cpu *level)
{
    const wn_cpu highest = wn_cpu_detected();
    wn_cpu_limit(highest);
    if (*level >= highest)
        return false;
    wn_cpu_limit(++*level);
    return true;
}

#define EACH_LEVEL(level)                                                                                    \
    wn_cpu level = WN_CPU_BASELINE;                                                                          \
    for (bool more = (wn_cpu_limit(level), true); more; more = next_level(&level))

static void agrees_with_pytorch(void **state)
{
    (void)state;
    for (size_t g = 0; g < LENGTH(golden_plans); g++) {
        fixture f;
        set_up(&f, golden_plans[g].architecture, golden_plans[g].width, golden_plans[g].input,
               GOLDEN_EMBEDDING, 1);
        run_reference(&f, 0);
        check_golden(&f.expected[0], g, 1e-5);
        EACH_LEVEL(level)
        {
            run_plan(&f, 1);
            check_golden(&f.outputs[0], g, 1e-4);
        }
        tear_down(&f);
    }
}

/* All that a plan can write, for one picture. */
static void check_outputs(fixture *f, double tolerance)
{
    const wn_network *network = &f->network;
    const wn_outputs *got = &f->outputs[0], *expected = &f->expected[0];
    const size_t pixels = (size_t)network->grid * network->grid;
    check_floats("bottleneck", got->bottleneck, expected->bottleneck, network->bottleneck, tolerance);
    check_floats("features", got->features, expected->features, network->features, tolerance);
    check_floats("embedding", got->embedding, expected->embedding, network->embedding, tolerance);
    check_floats("bottleneck map", got->bottleneck_map, expected->bottleneck_map,
                 pixels * network->bottleneck, tolerance);
    check_floats("features map", got->features_map, expected->features_map, pixels * network->features,
                 tolerance);
    for (int o = 0; o < WN_LAYER_OUTPUTS; o++) {
        const wn_layer *layer = &network->layer[expected->layer[o]];
        check_floats("layer", got->layer_output[o], expected->layer_output[o], layer->cout, tolerance);
        if (layer->kind == WN_PROJECT)
            check_floats("layer map", got->layer_map[o], expected->layer_map[o], pixels * layer->cout,
                         tolerance);
    }
}

static void agrees_with_reference(void **state)
{
    (void)state;
    const struct {
        const char *architecture;
        float width;
        int input, embedding, layer;
    } cases[] = {
        {"mobilenet_v2", 0.35f, 96, 512, 2},      {"mobilenet_v2", 0.5f, 97, 9, 5},
        {"mobilenet_v2", 0.75f, 160, 12, 20},     {"mobilenet_v2", 0.35f, 224, 8, 8},
        {"mobilenet_v2", 1.3f, 99, 100, 52},      {"efficientnet_lite0", 0.35f, 224, 64, 14},
        {"efficientnet_lite0", 0.5f, 98, 31, 17}, {"efficientnet_lite0", 0.75f, 131, 16, 29},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        fixture f;
        set_up(&f, cases[i].architecture, cases[i].width, cases[i].input, cases[i].embedding, 1);
        const int layer = cases[i].layer < f.network.count ? cases[i].layer : f.network.count - 1;
        f.outputs[0].layer[0] = f.expected[0].layer[0] = layer;
        f.outputs[0].layer[1] = f.expected[0].layer[1] = f.network.middle;
        run_reference(&f, 0);
        EACH_LEVEL(level)
        {
            run_plan(&f, 1);
            check_outputs(&f, 1e-4);
        }
        tear_down(&f);
    }
}

static void check_same(const wn_network *network, const wn_outputs *a, const wn_outputs *b)
{
    const size_t pixels = (size_t)network->grid * network->grid;
    assert_memory_equal(a->bottleneck, b->bottleneck, network->bottleneck * sizeof(float));
    assert_memory_equal(a->features, b->features, network->features * sizeof(float));
    assert_memory_equal(a->embedding, b->embedding, network->embedding * sizeof(float));
    assert_memory_equal(a->features_map, b->features_map, pixels * network->features * sizeof(float));
}

/* A picture's results do not depend on its neighbours in the batch. */
static void batches_change_no_bit(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "mobilenet_v2", 1, 128, 40, 5);
    EACH_LEVEL(level)
    {
        run_plan(&f, 5);
        for (int i = 0; i < 5; i++) {
            fixture one = f;
            one.images = f.images + (size_t)i * 128 * 128 * 3;
            one.outputs[0] = f.expected[i];
            run_plan(&one, 1);
            check_same(&f.network, &f.outputs[i], &f.expected[i]);
        }
        assert_memory_not_equal(f.outputs[0].embedding, f.outputs[1].embedding, 40 * sizeof(float));
    }
    tear_down(&f);
}

static void writes_only_what_is_asked(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "mobilenet_v2", 0.35f, 96, 16, 2);
    run_plan(&f, 2);
    fixture some = f;
    memset(some.outputs, 0, sizeof some.outputs);
    some.outputs[0].bottleneck = f.expected[0].bottleneck;
    run_plan(&some, 2);
    assert_memory_equal(f.expected[0].bottleneck, f.outputs[0].bottleneck,
                        f.network.bottleneck * sizeof(float));
    some.outputs[1].embedding = f.expected[1].embedding;
    run_plan(&some, 2);
    assert_memory_equal(f.expected[1].embedding, f.outputs[1].embedding, 16 * sizeof(float));
    tear_down(&f);
}

/* A session of a gate whose scorer looks at everything, beyond the gate itself: at most 2 MB. */
static void sessions_are_small(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, "mobilenet_v2", 1, 128, 512, 1);
    wn_plan *plan;
    assert_int_equal(wn_plan_create(&f.network, &f.params, WN_PRECISION_FP32, &plan, NULL), WINNOW_OK);
    static wn_gate_file file;
    file = (wn_gate_file){.network = f.network, .preprocess = {.size = 128}};
    for (int feature = 0; feature < WN_FEATURES; feature++)
        file.scorer.dim[feature] = wn_feature_size(&f.network, feature);
    assert_in_range(wn_session_bytes(&file, plan), wn_plan_scratch(plan, 1) + 128 * 128 * 3 * sizeof(float),
                    2000000);
    wn_plan_free(plan);
    tear_down(&f);
}

/* ---- int8 ---- */

static wn_plan *make_plan(const fixture *f)
{
    winnow_error error;
    wn_plan *plan;
    if (wn_plan_create(&f->network, &f->params, WN_PRECISION_FP32, &plan, &error))
        fail_msg("%s", error.message);
    return plan;
}

static void run_int8_with(fixture *f, const wn_kernels *kernels, const wn_ranges *ranges, wn_outputs *outputs)
{
    winnow_error error;
    wn_plan *plan;
    if (wn_plan_build(kernels, &f->network, &f->params, WN_PRECISION_INT8, ranges, &plan, &error))
        fail_msg("%s", error.message);
    const size_t size = wn_plan_scratch(plan, f->batch);
    unsigned char *scratch = allocate(size + 64);
    memset(scratch, 0xff, size + 64);
    wn_plan_run(plan, f->batch, f->images, outputs, scratch);
    for (size_t i = size; i < size + 64; i++)
        assert_int_equal(scratch[i], 0xff);
    free(scratch);
    wn_plan_free(plan);
}

static void run_int8(fixture *f, const wn_ranges *ranges, wn_outputs *outputs)
{
    const wn_kernels kernels = wn_kernels_at(wn_cpu_level());
    run_int8_with(f, &kernels, ranges, outputs);
}

static double cosine(const float *a, const float *b, int size)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < size; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* The ranges of the fixture's pictures. */
static wn_ranges observe(const fixture *f)
{
    wn_ranges ranges = {0};
    const size_t image = (size_t)f->network.input * f->network.input * 3;
    wn_plan *plan = make_plan(f);
    void *scratch = allocate(wn_plan_scratch(plan, 1));
    for (int i = 0; i < f->batch; i++)
        wn_plan_observe(plan, f->images + i * image, scratch, &ranges);
    free(scratch);
    wn_plan_free(plan);
    for (int i = 1; i < f->network.count; i++) {
        const wn_layer_kind kind = f->network.layer[i].kind;
        assert_true((ranges.high[i] > 0) == (kind != WN_DEPTHWISE) && ranges.low[i] <= 0);
        assert_true(kind != WN_PROJECT || (ranges.low[i] == 0 && ranges.high[i] <= 6));
    }
    assert_true(ranges.high[f->network.count] > 0);
    return ranges;
}

static void check_alike(const fixture *f)
{
    for (int i = 0; i < f->batch; i++) {
        assert_memory_equal(f->outputs[i].features, f->expected[i].features,
                            f->network.features * sizeof(float));
        assert_memory_equal(f->outputs[i].embedding, f->expected[i].embedding, 64 * sizeof(float));
    }
}

/* Bytes say nearly what floats say, and every instruction set says the same, to the last bit; filters of 5x5
 * and odd maps too. */
static void bytes_are_near_and_alike(void **state)
{
    (void)state;
    static const struct {
        const char *architecture;
        float width;
        int input;
    } networks[] = {{"mobilenet_v2", 0.5f, 96}, {"efficientnet_lite0", 0.5f, 97}};
    for (size_t n = 0; n < LENGTH(networks); n++) {
        fixture f;
        set_up(&f, networks[n].architecture, networks[n].width, networks[n].input, 64, 3);
        wn_cpu_limit(WN_CPU_BASELINE);
        const wn_ranges ranges = observe(&f);
        run_int8(&f, &ranges, f.expected);
        EACH_LEVEL(level)
        {
            run_plan(&f, f.batch);
            for (int i = 0; i < f.batch; i++)
                assert_true(cosine(f.outputs[i].features, f.expected[i].features, f.network.features) > 0.97);
            run_int8(&f, &ranges, f.outputs);
            check_alike(&f);
        }
#if defined(__x86_64__) || defined(__i386__)
        wn_kernels wide;
        wide_kernels(&wide);
        run_int8_with(&f, &wide, &ranges, f.outputs);
        check_alike(&f);
#endif
        tear_down(&f);
    }
}

/* A filter as an int8 plan wants it gives the same float32 in any order, fused or not, as exact arithmetic
 * does; and hardly another one than before. */
static void check_filter(int taps, float reach, float spread, float offset)
{
    float weight[27], before[27], bias = offset, value[27];
    double exact = 0, size = fabs((double)offset), moved = 0;
    for (int i = 0; i < taps; i++) {
        weight[i] = before[i] = spread * (float)(rand() % 2001 - 1000) / 1000;
        size += fabs((double)weight[i]) * (double)reach;
    }
    wn_filter_to_grid(weight, taps, 1, reach, &bias);
    float forward = bias, backward = 0, fused = bias;
    for (int i = 0; i < taps; i++) {
        value[i] = (float)(rand() % (int)(reach * 256 + 1)) / 256 * (rand() % 2 && reach < 6 ? -1.0f : 1.0f);
        const volatile float product = weight[i] * value[i];
        forward += product;
        fused = fmaf(weight[i], value[i], fused);
        exact += (double)weight[i] * (double)value[i];
        moved += (double)(weight[i] - before[i]) * (double)value[i];
    }
    for (int i = taps - 1; i >= 0; i--)
        backward += weight[i] * value[i];
    exact += (double)bias;
    assert_true((double)forward == exact && forward == fused && (double)(backward + bias) == exact);
    assert_true(fabs(moved + (double)(bias - offset)) <= size * 0x1p-15 * (double)(taps * reach + 1));
}

static void filters_are_exact(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        const float spread = ldexpf(1, rand() % 30 - 20),
                    offset = ldexpf((float)(rand() % 201 - 100) / 100, rand() % 8);
        check_filter(9, WN_RELU6_REACH, spread, offset);
        check_filter(25, WN_RELU6_REACH, spread, offset);
        check_filter(27, WN_PIXEL_REACH, spread, offset);
    }
    check_filter(9, WN_RELU6_REACH, 0, 0);
}

/* The 1x1 convolutions and the embedding as the bytes of a file. */
static void know_bytes(fixture *f)
{
    const wn_network *network = &f->network;
    f->params.scale = calloc((size_t)network->rows, sizeof(float));
    f->params.bytes = calloc(network->total, 1);
    assert_true(f->params.scale && f->params.bytes);
    for (int i = 1; i <= network->count; i++) {
        const bool last = i == network->count;
        const wn_layer *layer = &network->layer[last ? 0 : i];
        if (!last && layer->kind == WN_DEPTHWISE)
            continue;
        const int rows = last ? network->embedding : layer->cout,
                  inner = last ? network->features : layer->cin;
        float *scale = f->params.scale + (last ? network->rows - rows : layer->row);
        for (int row = 0; row < rows; row++) {
            const size_t at = (last ? network->embedding_weight : layer->weight) + (size_t)row * inner;
            scale[row] = wn_row_scale(f->params.data + at, inner);
            wn_row_bytes(f->params.data + at, inner, scale[row], f->params.bytes + at);
            for (int k = 0; k < inner; k++)
                f->params.data[at + k] = NAN; /* not looked at */
        }
    }
}

/* A plan of bytes that are known is that of the weights that they were made of, bit for bit. */
static void known_bytes_are_taken(void **state)
{
    (void)state;
    fixture f;
    wn_ranges ranges = {0};
    set_up(&f, "mobilenet_v2", 0.5f, 96, 64, 1);
    for (int i = 0; i <= f.network.count; i++)
        ranges.low[i] = -1, ranges.high[i] = 6;
    run_int8(&f, &ranges, f.expected);
    know_bytes(&f);
    run_int8(&f, &ranges, f.outputs);
    assert_memory_equal(f.outputs[0].features, f.expected[0].features, f.network.features * sizeof(float));
    assert_memory_equal(f.outputs[0].embedding, f.expected[0].embedding, 64 * sizeof(float));
    assert_true(isfinite(f.outputs[0].embedding[0]));
    tear_down(&f);
}

/* ---- bf16 ---- */

static void run_bf16(fixture *f, const wn_kernels *kernels, wn_outputs *outputs)
{
    winnow_error error;
    wn_plan *plan;
    if (wn_plan_build(kernels, &f->network, &f->params, WN_PRECISION_BF16, NULL, &plan, &error))
        fail_msg("%s", error.message);
    assert_true(wn_plan_multiplies_bf16(plan) == (kernels->gemm16 != NULL));
    const size_t size = wn_plan_scratch(plan, f->batch);
    unsigned char *scratch = allocate(size + 64);
    memset(scratch, 0xff, size + 64);
    wn_plan_run(plan, f->batch, f->images, outputs, scratch);
    for (size_t i = size; i < size + 64; i++)
        assert_int_equal(scratch[i], 0xff);
    free(scratch);
    wn_plan_free(plan);
}

static void check_bf16(fixture *f, const wn_kernels *kernels)
{
    run_bf16(f, kernels, f->outputs);
    for (int i = 0; i < f->batch; i++)
        assert_true(cosine(f->outputs[i].features, f->expected[i].features, f->network.features) > 0.995 &&
                    cosine(f->outputs[i].embedding, f->expected[i].embedding, 64) > 0.995);
}

/* With weights of 8 bits of precision, with inputs too where the processor has the instructions, and where
 * they are emulated. */
static void halves_are_near(void **state)
{
    (void)state;
    static const char *const architectures[] = {"mobilenet_v2", "efficientnet_lite0"};
    for (int a = 0; a < 2; a++) {
        fixture f;
        set_up(&f, architectures[a], 0.5f, 96, 64, 3);
        wn_plan *plan = make_plan(&f);
        void *scratch = allocate(wn_plan_scratch(plan, f.batch));
        wn_plan_run(plan, f.batch, f.images, f.expected, scratch);
        free(scratch);
        wn_plan_free(plan);
        EACH_LEVEL(level)
        {
            const wn_kernels kernels = wn_kernels_at(level);
            check_bf16(&f, &kernels);
        }
#if defined(__x86_64__) || defined(__i386__)
        wn_kernels wide;
        wide_kernels(&wide);
        assert_non_null(wide.gemm16);
        check_bf16(&f, &wide);
#endif
        tear_down(&f);
    }
}

/* Whether no sum of 16 bits overflows, from the definition in kernels/int8.h: of 16 bytes, the even pairs and
 * the odd ones, each sign by itself. */
static bool fits(const int8_t *bytes, int count)
{
    for (int block = 0; block < count; block += 16)
        for (int pair = 0; pair < 2; pair++) {
            int positive = 0, negative = 0;
            for (int k = block; k < count && k < block + 16; k++)
                if (bytes[k] == -128)
                    return false;
                else if (k / 2 % 2 == pair)
                    *(bytes[k] > 0 ? &positive : &negative) += bytes[k];
            if (positive * 127 > 32767 || negative * 127 < -32768)
                return false;
        }
    return true;
}

/* Rows of all lengths whose sums lie around the limit, and one -128 in a while. */
static void rows_that_overflow_are_found(void **state)
{
    (void)state;
    int8_t bytes[40];
    int found[2] = {0};
    srand(1);
    for (int i = 0; i < 200000; i++) {
        const int count = 1 + rand() % 40, most = 1 + rand() % 127;
        for (int k = 0; k < count; k++)
            bytes[k] = (int8_t)(rand() % (2 * most + 1) - most);
        if (rand() % 8 == 0)
            bytes[rand() % count] = -128;
        const bool expected = fits(bytes, count);
        found[expected]++;
        assert_int_equal(wn_row_fits(bytes, (size_t)count), expected);
    }
    assert_true(found[0] > 50000 && found[1] > 50000);
}

/* Rows of equal weights fill the sums of 16 bits, rows with one large weight do not. */
static void rows_become_bytes_that_fit(void **state)
{
    (void)state;
    float row[100], again[100];
    int8_t bytes[100], second[100];
    for (int shape = 0; shape < 3; shape++) {
        for (int i = 0; i < 100; i++)
            row[i] = (shape == 0 ? sinf((float)i * 1.7f) : shape == 1 ? 1 : i == 50) * -0.03f;
        const float scale = wn_row_scale(row, 100);
        wn_row_bytes(row, 100, scale, bytes);
        assert_true(wn_row_fits(bytes, 100));
        for (int i = 0; i < 100; i++) {
            again[i] = scale * bytes[i];
            assert_true(fabsf(again[i] - row[i]) <= scale * 0.5001f);
        }
        wn_row_bytes(again, 100, scale, second);
        assert_memory_equal(bytes, second, 100);
    }
    assert_int_equal(bytes[50], -127);
    int8_t full[16] = {127, 127, 0, 0, 4, 0, -127, -127, -127, -127, 127, 127, -4, 0, 4, 0};
    assert_true(wn_row_fits(full, 16));
    full[8]--;
    assert_false(wn_row_fits(full, 16)); /* -128 */
    full[8] = -127, full[4]++;
    assert_false(wn_row_fits(full, 16));
    full[4]--, full[12]--;
    assert_false(wn_row_fits(full, 16));
    assert_true(wn_row_scale((float[]){0, 0}, 2) == 0);
    assert_true(wn_row_scale((float[]){1e-40f, -1e-38f}, 2) == 0); /* 1 / scale would overflow */
    wn_row_bytes((float[]){0, 0}, 2, 0, bytes);
    assert_true(!bytes[0] && !bytes[1]);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]); /* where all would take too long: on an emulated processor */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_pytorch),   cmocka_unit_test(agrees_with_reference),
        cmocka_unit_test(batches_change_no_bit), cmocka_unit_test(writes_only_what_is_asked),
        cmocka_unit_test(sessions_are_small),    cmocka_unit_test(bytes_are_near_and_alike),
        cmocka_unit_test(filters_are_exact),     cmocka_unit_test(rows_become_bytes_that_fit),
        cmocka_unit_test(halves_are_near),       cmocka_unit_test(rows_that_overflow_are_found),
        cmocka_unit_test(known_bytes_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
