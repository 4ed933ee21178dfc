/* SPDX-License-Identifier: Apache-2.0
 * A gate as a Core ML ML Program (.mlpackage, specification 6: iOS 15). With fp16 the largest layers are
 * stored as halves and cast to floats, in which everything is computed; a weight that is not stored as it is
 * used takes a matmul, as `linear` wants a constant, and of `conv` that takes another coremltools' own tests
 * say that it fails on the GPU (rdar://97398343). With fp16-compute the convolutions run in half precision;
 * embedding and score, whose small differences decide, are computed in floats. */
#include "coreml_model.h"
#include "mil_writer.h"
#include "runtime/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPECIFICATION = 6, NAME = 64 };

typedef struct exporter {
    const wn_export_source *source;
    const wn_graph *graph;
    wn_mil *mil;
    wn_mil_type type;                 /* of maps */
    bool halves;                      /* the largest layers' weights are, though maps are floats */
    wn_mil_value value[WN_MAX_NODES]; /* of each node */
    wn_mil_value true_, false_, axis1, one, map_axes, custom, dilations, fp32, fp16, least;
    wn_coreml_model model;
    float step[WN_CALIBRATION_KNOTS];
} exporter;

/* ---- operations ---- */

static const char *part(char name[NAME], const wn_node *node, const char *what)
{
    snprintf(name, NAME, "%s.%s", node->name, what);
    return name;
}

static void argument(exporter *e, const char *parameter, wn_mil_value value)
{
    wn_mil_argument(e->mil, parameter, 1, &value);
}

/* An operation whose output is shaped like x. */
static wn_mil_value like(exporter *e, const char *operation, const char *name, wn_mil_value x)
{
    const wn_mil_value out = wn_mil_operation(e->mil, operation, name, x.type, x.rank, x.shape);
    argument(e, "x", x);
    return out;
}

static wn_mil_value binary(exporter *e, const char *operation, const char *name, wn_mil_value x,
                           wn_mil_value y)
{
    const wn_mil_value out = like(e, operation, name, x);
    argument(e, "y", y);
    return out;
}

static wn_mil_value cast(exporter *e, const char *name, wn_mil_value x, wn_mil_type type)
{
    if (x.type == type)
        return x;
    const wn_mil_value out = wn_mil_operation(e->mil, "cast", name, type, x.rank, x.shape);
    argument(e, "x", x);
    argument(e, "dtype", type == WN_MIL_FP32 ? e->fp32 : e->fp16);
    return out;
}

/* Over axis 1 of a vector (1, n), which becomes (1, 1). */
static wn_mil_value reduce(exporter *e, const char *operation, const char *name, wn_mil_value x)
{
    const wn_mil_value out = wn_mil_operation(e->mil, operation, name, x.type, 2, (int[]){1, 1});
    argument(e, "x", x);
    argument(e, "axes", e->axis1);
    argument(e, "keep_dims", e->true_);
    return out;
}

/* Weights that are stored as halves, as floats. */
static wn_mil_value widened(exporter *e, const wn_node *node, int rank, const int *shape)
{
    char name[NAME];
    const wn_mil_value half =
        wn_mil_weights(e->mil, part(name, node, "weight"), WN_MIL_FP16, rank, shape, node->weight);
    return cast(e, part(name, node, "widened"), half, WN_MIL_FP32);
}

static wn_mil_value matmul(exporter *e, const char *name, wn_mil_value x, wn_mil_value y, bool transposed,
                           const int *shape)
{
    const wn_mil_value out = wn_mil_operation(e->mil, "matmul", name, WN_MIL_FP32, x.rank, shape);
    argument(e, "x", x);
    argument(e, "y", y);
    argument(e, "transpose_x", e->false_);
    argument(e, "transpose_y", transposed ? e->true_ : e->false_);
    return out;
}

/* `what` names the constant of the new shape. */
static wn_mil_value reshape(exporter *e, const char *name, const char *what, wn_mil_value x, int rank,
                            const int *shape)
{
    const wn_mil_value to = wn_mil_wholes(e->mil, what, rank, shape);
    const wn_mil_value out = wn_mil_operation(e->mil, "reshape", name, x.type, rank, shape);
    argument(e, "x", x);
    argument(e, "shape", to);
    return out;
}

/* A 1x1 convolution as the product of (1, cout, cin) and (1, cin, grid). */
static wn_mil_value multiply_map(exporter *e, const wn_node *node, wn_mil_value x)
{
    const wn_layer *l = node->layer;
    const int grid = l->out * l->out;
    char name[NAME], other[NAME];
    const wn_mil_value weight = widened(e, node, 3, (int[]){1, l->cout, l->cin});
    const wn_mil_value bias =
        wn_mil_weights(e->mil, part(name, node, "bias"), e->type, 4, (int[]){1, l->cout, 1, 1}, node->bias);
    const wn_mil_value flat =
        reshape(e, part(name, node, "flat"), part(other, node, "flat.shape"), x, 3, (int[]){1, l->cin, grid});
    const wn_mil_value product =
        matmul(e, part(name, node, "product"), weight, flat, false, (int[]){1, l->cout, grid});
    const wn_mil_value map = reshape(e, part(name, node, "map"), part(other, node, "map.shape"), product, 4,
                                     (int[]){1, l->cout, l->out, l->out});
    return binary(e, "add", node->name, map, bias);
}

static wn_mil_value multiply_vector(exporter *e, const wn_node *node, wn_mil_value x)
{
    const int shape[] = {1, node->channels};
    char name[NAME];
    const wn_mil_value weight = widened(e, node, 2, (int[]){node->channels, x.shape[1]});
    if (!node->bias)
        return matmul(e, node->name, x, weight, true, shape);
    const wn_mil_value bias =
        wn_mil_weights(e->mil, part(name, node, "bias"), WN_MIL_FP32, 2, shape, node->bias);
    return binary(e, "add", node->name, matmul(e, part(name, node, "product"), x, weight, true, shape), bias);
}

static wn_mil_value filter_map(exporter *e, const wn_node *node, wn_mil_value x)
{
    const wn_layer *l = node->layer;
    const int groups = wn_node_groups(node), shape[] = {l->cout, l->cin / groups, l->kernel, l->kernel};
    char name[NAME];
    const wn_mil_value weight =
        wn_mil_weights(e->mil, part(name, node, "weight"), e->type, 4, shape, node->weight);
    const wn_mil_value bias = wn_mil_weights(e->mil, part(name, node, "bias"), e->type, 1, shape, node->bias);
    const wn_mil_value strides =
        wn_mil_wholes(e->mil, part(name, node, "strides"), 2, (int[]){l->stride, l->stride});
    const wn_mil_value pad = wn_mil_wholes(e->mil, part(name, node, "pad"), 4,
                                           (int[]){l->pad_before, l->pad_after, l->pad_before, l->pad_after});
    const wn_mil_value grouped = wn_mil_whole(e->mil, part(name, node, "groups"), groups);
    const wn_mil_value out =
        wn_mil_operation(e->mil, "conv", node->name, e->type, 4, (int[]){1, l->cout, l->out, l->out});
    argument(e, "x", x);
    argument(e, "weight", weight);
    argument(e, "bias", bias);
    argument(e, "strides", strides);
    argument(e, "pad_type", e->custom);
    argument(e, "pad", pad);
    argument(e, "dilations", e->dilations);
    argument(e, "groups", grouped);
    return out;
}

static wn_mil_value convolve(exporter *e, const wn_node *node, wn_mil_value x)
{
    char name[NAME];
    const bool halved = e->halves && wn_coreml_halved(e->graph, node);
    const wn_mil_value out = halved ? multiply_map(e, node, x) : filter_map(e, node, x);
    return node->layer->relu6 ? like(e, "relu6", part(name, node, "relu6"), out) : out;
}

/* Maps may be halves; their means are taken in floats. */
static wn_mil_value mean(exporter *e, const wn_node *node, wn_mil_value x)
{
    char name[NAME];
    x = cast(e, part(name, node, "single"), x, WN_MIL_FP32);
    const wn_mil_value out =
        wn_mil_operation(e->mil, "reduce_mean", node->name, x.type, 2, (int[]){1, x.shape[1]});
    argument(e, "x", x);
    argument(e, "axes", e->map_axes);
    argument(e, "keep_dims", e->false_);
    return out;
}

/* bias NULL: none. */
static wn_mil_value linear(exporter *e, const char *name, wn_mil_value x, const float *weights,
                           const float *bias, int out)
{
    const int shape[] = {out, x.shape[1]};
    char weight_name[NAME], bias_name[NAME];
    snprintf(weight_name, sizeof weight_name, "%s.weight", name);
    snprintf(bias_name, sizeof bias_name, "%s.bias", name);
    const wn_mil_value weight = wn_mil_weights(e->mil, weight_name, x.type, 2, shape, weights);
    wn_mil_value offset = {0};
    if (bias)
        offset = wn_mil_weights(e->mil, bias_name, x.type, 1, shape, bias);
    const wn_mil_value y = wn_mil_operation(e->mil, "linear", name, x.type, 2, (int[]){1, out});
    argument(e, "x", x);
    argument(e, "weight", weight);
    if (bias)
        argument(e, "bias", offset);
    return y;
}

static wn_mil_value normalise(exporter *e, const wn_node *node, wn_mil_value x)
{
    char name[NAME];
    if (node->bias) {
        const int shape[] = {1, node->channels};
        const wn_mil_value bias =
            wn_mil_weights(e->mil, part(name, node, "bias"), WN_MIL_FP32, 2, shape, node->bias);
        x = binary(e, "add", part(name, node, "moved"), x, bias);
    }
    const wn_mil_value norm = reduce(e, "reduce_l2_norm", part(name, node, "norm"), x);
    return binary(e, "real_div", node->name, x,
                  binary(e, "maximum", part(name, node, "length"), norm, e->least));
}

static wn_mil_value top(exporter *e, const wn_node *node, wn_mil_value x)
{
    char name[NAME];
    if (node->top == 1)
        return reduce(e, "reduce_max", node->name, x);
    const int shape[] = {1, node->top};
    const wn_mil_value k = wn_mil_whole(e->mil, part(name, node, "k"), node->top);
    const wn_mil_value values =
        wn_mil_operation(e->mil, "topk", part(name, node, "values"), x.type, 2, shape);
    wn_mil_second(e->mil, part(name, node, "indices"), WN_MIL_INT32, 2, shape);
    argument(e, "x", x);
    argument(e, "k", k);
    argument(e, "axis", e->one);
    argument(e, "ascending", e->false_);
    return reduce(e, "reduce_mean", node->name, values);
}

static wn_mil_value join(exporter *e, const wn_node *node, const char *name)
{
    wn_mil_value parts[WN_MAX_INPUTS];
    int length = 0;
    for (int i = 0; i < node->inputs; i++) {
        parts[i] = e->value[node->input[i]];
        length += parts[i].shape[1];
    }
    const wn_mil_value out = wn_mil_operation(e->mil, "concat", name, WN_MIL_FP32, 2, (int[]){1, length});
    wn_mil_argument(e->mil, "values", node->inputs, parts);
    argument(e, "axis", e->one);
    argument(e, "interleave", e->false_);
    return out;
}

static wn_mil_value softmax(exporter *e, const wn_node *node, wn_mil_value x)
{
    const wn_mil_value out = like(e, "softmax", node->name, x);
    argument(e, "axis", e->one);
    return out;
}

/* A byte times scale plus shift; see wn_graph_scale_pixels. */
static wn_mil_value pixels(exporter *e)
{
    const int side = e->source->file.network.input, shape[] = {1, 3, side, side}, colours[] = {1, 3, 1, 1};
    const wn_mil_value image = wn_mil_input(e->mil, "image", WN_MIL_FP32, 4, shape);
    const wn_mil_value scale = wn_mil_number(e->mil, "pixels.scale", e->graph->scale);
    const wn_mil_value scaled = binary(e, "mul", "pixels.scaled", image, scale);
    const wn_mil_value shift =
        wn_mil_weights(e->mil, "pixels.shift", WN_MIL_FP32, 4, colours, e->graph->shift);
    return cast(e, "pixels.half", binary(e, "add", "pixels", scaled, shift), e->type);
}

static wn_mil_value combine(exporter *e, const wn_node *node, wn_mil_value x)
{
    char name[NAME];
    const wn_mil_value parts = node->inputs > 1 ? join(e, node, part(name, node, "parts")) : x;
    return linear(e, node->name, parts, node->weight, node->bias, 1);
}

static wn_mil_value add_node(exporter *e, const wn_node *node)
{
    const wn_mil_value x = node->inputs ? e->value[node->input[0]] : (wn_mil_value){0};
    switch (node->op) {
    case WN_OP_IMAGE:
        return pixels(e);
    case WN_OP_CONVOLVE:
        return convolve(e, node, x);
    case WN_OP_ADD:
        return binary(e, "add", node->name, x, e->value[node->input[1]]);
    case WN_OP_MEAN:
        return mean(e, node, x);
    case WN_OP_DENSE:
        return e->halves && wn_coreml_halved(e->graph, node)
                   ? multiply_vector(e, node, x)
                   : linear(e, node->name, x, node->weight, node->bias, node->channels);
    case WN_OP_JOIN:
        return join(e, node, node->name);
    case WN_OP_NORMALISE:
        return normalise(e, node, x);
    case WN_OP_TOP:
        return top(e, node, x);
    case WN_OP_SQUARES:
        return reduce(e, "reduce_sum_square", node->name, x);
    case WN_OP_COMBINE:
        return combine(e, node, x);
    case WN_OP_SOFTMAX:
        return softmax(e, node, x);
    }
    return x;
}

/* ---- the verdict ---- */

/* 1 where x >= y, else 0, in the larger of both shapes. */
static wn_mil_value reached(exporter *e, const char *name, wn_mil_value x, wn_mil_value y, int length)
{
    char truth[NAME];
    snprintf(truth, sizeof truth, "%s.truth", name);
    const wn_mil_value out =
        wn_mil_operation(e->mil, "greater_equal", truth, WN_MIL_BOOL, 2, (int[]){1, length});
    argument(e, "x", x);
    argument(e, "y", y);
    return cast(e, name, out, WN_MIL_FP32);
}

/* (1, n) -> (n), under that name */
static void add_output(exporter *e, const char *name, wn_mil_value x, wn_mil_value axis0)
{
    const wn_mil_value out = wn_mil_operation(e->mil, "squeeze", name, x.type, 1, &x.shape[1]);
    argument(e, "x", x);
    argument(e, "axes", axis0);
    wn_mil_output(e->mil, out);
}

static void add_outputs(exporter *e)
{
    const wn_calibration *calibration = &e->source->file.calibration;
    const int knots[] = {1, calibration->knots};
    const wn_mil_value score = e->value[e->graph->similarity];
    wn_coreml_output output[WN_COREML_OUTPUTS];
    const wn_mil_value scores =
        wn_mil_weights(e->mil, "calibration.score", WN_MIL_FP32, 2, knots, calibration->score);
    const wn_mil_value steps = reached(e, "calibration.reached", score, scores, calibration->knots);
    wn_coreml_steps(calibration, e->step);
    const wn_mil_value p = linear(e, "calibration.p", steps, e->step, &calibration->least_p, 1);
    const wn_mil_value threshold = wn_mil_number(e->mil, "calibration.threshold", calibration->threshold);
    const wn_mil_value normal = reached(e, "calibration.normal", score, threshold, 1);
    const wn_mil_value axis0 = wn_mil_wholes(e->mil, "output.axis", 1, (int[]){0});
    const int count = wn_coreml_outputs(e->graph, output);
    for (int i = 0; i < count; i++)
        add_output(e, output[i].name,
                   output[i].node >= 0                  ? e->value[output[i].node]
                   : !strcmp(output[i].name, "p_value") ? p
                                                        : normal,
                   axis0);
}

static void build(exporter *e)
{
    wn_mil *mil = e->mil;
    e->true_ = wn_mil_truth(mil, "true", true);
    e->false_ = wn_mil_truth(mil, "false", false);
    e->one = wn_mil_whole(mil, "one", 1);
    e->axis1 = wn_mil_wholes(mil, "vector_axes", 1, (int[]){1});
    e->map_axes = wn_mil_wholes(mil, "map_axes", 2, (int[]){2, 3});
    e->custom = wn_mil_text(mil, "custom", "custom");
    e->dilations = wn_mil_wholes(mil, "dilations", 2, (int[]){1, 1});
    e->fp32 = wn_mil_text(mil, "fp32", "fp32");
    if (e->type == WN_MIL_FP16)
        e->fp16 = wn_mil_text(mil, "fp16", "fp16");
    e->least = wn_mil_number(mil, "norm.least", WN_LEAST_NORM);
    for (int i = 0; i < e->graph->count; i++)
        e->value[i] = add_node(e, &e->graph->node[i]);
    add_outputs(e);
}

/* ---- the package ---- */

/* A folder, which may be there already. *made: it was not. */
static winnow_status make_folder(const char *path, bool *made, winnow_error *error)
{
    struct stat info;
    *made = !mkdir(path, 0777);
    if (*made || (errno == EEXIST && !stat(path, &info) && S_ISDIR(info.st_mode)))
        return WINNOW_OK;
    const char *reason = errno == EEXIST   ? "is not a folder, and a package is one"
                         : errno == ENOENT ? "cannot make this folder: the one that it is in does not exist"
                                           : NULL;
    if (reason)
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: %s; nothing was changed", path, reason);
    return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: cannot make this folder: %s; nothing was changed", path,
                   strerror(errno));
}

/* Whether a folder holds something, and no package: it is somebody's, and not to be written to. */
static bool is_foreign(const char *path)
{
    DIR *folder = opendir(path);
    bool empty = true, package = false;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        empty &= !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
        package |= !strcmp(entry->d_name, "Manifest.json");
    }
    if (folder)
        closedir(folder);
    return !empty && !package;
}

static const char manifest[] =
    "{\n    \"fileFormatVersion\": \"1.0.0\",\n    \"itemInfoEntries\": {\n"
    "        \"77696e6e-6f77-4000-8000-000000000001\": {\n            \"author\": \"com.apple.CoreML\",\n"
    "            \"description\": \"CoreML Model Specification\",\n            \"name\": \"model.mlmodel\",\n"
    "            \"path\": \"com.apple.CoreML/model.mlmodel\"\n        },\n"
    "        \"77696e6e-6f77-4000-8000-000000000002\": {\n            \"author\": \"com.apple.CoreML\",\n"
    "            \"description\": \"CoreML Model Weights\",\n            \"name\": \"weights\",\n"
    "            \"path\": \"com.apple.CoreML/weights\"\n        }\n    },\n"
    "    \"rootModelIdentifier\": \"77696e6e-6f77-4000-8000-000000000001\"\n}\n";

/* The files of a package that is there are replaced together; of a new one, nothing stays after a failure. */
static winnow_status write_package(const char *path, const void *model, size_t model_size,
                                   const void *weights, size_t weights_size, winnow_error *error)
{
    enum { FOLDERS = 4, FILES = 3 };
    static const char *const folders[FOLDERS] = {"", "/Data", "/Data/com.apple.CoreML",
                                                 "/Data/com.apple.CoreML/weights"};
    static const char *const names[FILES] = {"/Data/com.apple.CoreML/weights/weight.bin",
                                             "/Data/com.apple.CoreML/model.mlmodel", "/Manifest.json"};
    const wn_piece pieces[FILES] = {
        {weights, weights_size}, {model, model_size}, {manifest, sizeof manifest - 1}};
    const size_t length = strlen(path) + 64;
    char *name = malloc((FOLDERS + FILES) * length);
    if (!name)
        return wn_fail_memory(error);
    if (is_foreign(path)) {
        free(name);
        return wn_fail(error, WINNOW_ERROR_IO, -1,
                       "%s: is a folder that holds other things, not a package; nothing was changed", path);
    }
    bool made[FOLDERS] = {false};
    wn_new_file files[FILES];
    winnow_status status = WINNOW_OK;
    for (size_t i = 0; i < FOLDERS && !status; i++) {
        snprintf(name + i * length, length, "%s%s", path, folders[i]);
        status = make_folder(name + i * length, &made[i], error);
    }
    for (size_t i = 0; i < FILES; i++) {
        snprintf(name + (FOLDERS + i) * length, length, "%s%s", path, names[i]);
        files[i] = (wn_new_file){name + (FOLDERS + i) * length, &pieces[i], 1};
    }
    if (!status)
        status = wn_write_files_atomic(files, FILES, error);
    for (size_t i = FOLDERS; i-- > 0 && status;)
        if (made[i])
            rmdir(name + i * length);
    free(name);
    return status;
}

static winnow_status write_program(exporter *e, const char *path, winnow_error *error)
{
    Coreml__Program *program;
    const void *weights;
    size_t weights_size;
    winnow_status status = wn_mil_finish(e->mil, &program, &weights, &weights_size, error);
    if (status)
        return status;
    wn_coreml_describe(&e->model, e->source, e->graph, SPECIFICATION);
    e->model.proto.type_case = COREML__MODEL__TYPE_ML_PROGRAM;
    e->model.proto.mlprogram = program;
    const size_t size = coreml__model__get_packed_size(&e->model.proto);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return wn_fail_memory(error);
    coreml__model__pack(&e->model.proto, bytes);
    status = write_package(path, bytes, size, weights, weights_size, error);
    free(bytes);
    return status;
}

winnow_status wn_export_mlpackage(const wn_export_source *source, const wn_export_options *options,
                                  const char *path, winnow_error *error)
{
    wn_graph *graph = NULL;
    exporter *e = calloc(1, sizeof *e);
    winnow_status status = e ? wn_graph_create(&source->file, 0, &graph, error) : wn_fail_memory(error);
    if (!status && !(e->mil = wn_mil_create()))
        status = wn_fail_memory(error);
    if (!status) {
        e->source = source;
        e->graph = graph;
        e->type = options->precision == WN_EXPORT_FP16_COMPUTE ? WN_MIL_FP16 : WN_MIL_FP32;
        e->halves = options->precision == WN_EXPORT_FP16;
        if (e->halves)
            wn_coreml_correct_biases(&source->file, graph);
        wn_graph_scale_pixels(graph);
        build(e);
        status = write_program(e, path, error);
    }
    if (e)
        wn_mil_free(e->mil);
    free(e);
    wn_graph_free(graph);
    return status;
}
