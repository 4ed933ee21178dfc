/* SPDX-License-Identifier: Apache-2.0 */
#include "naming.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 256, MAX_PREFIXES = 8, LEAST_INPUT = 96, USUAL_EMBEDDING = 512, IMAGENET_CLASSES = 1000 };

/* ---- schemes ---- */

/* Writes what the layer's convolution and norm are called, after the prefix. */
typedef void (*scheme_names)(const wn_layer *layer, int block, char conv[NAME], char norm[NAME]);

static void torchvision_names(const wn_layer *layer, int block, char conv[NAME], char norm[NAME])
{
    (void)block;
    snprintf(conv, NAME, "%s", layer->conv + strlen("features."));
    snprintf(norm, NAME, "%s", layer->norm + strlen("features."));
}

/* One flat Sequential a block, where torchvision has one for each convolution with its norm and ReLU6. */
static void flat_names(const wn_layer *layer, int block, char conv[NAME], char norm[NAME])
{
    int index;
    torchvision_names(layer, block, conv, norm);
    if (sscanf(conv, "%*d.conv.%d", &index) == 1) {
        snprintf(conv, NAME, "%d.conv.%d", block, 3 * index);
        snprintf(norm, NAME, "%d.conv.%d", block, 3 * index + 1);
    }
}

static void efficientnet_names(const wn_layer *layer, int block, char conv[NAME], char norm[NAME])
{
    static const char *const convs[] = {
        [WN_EXPAND] = "_expand_conv", [WN_DEPTHWISE] = "_depthwise_conv", [WN_PROJECT] = "_project_conv"};
    if (layer->kind == WN_STEM || layer->kind == WN_LAST) {
        snprintf(conv, NAME, layer->kind == WN_STEM ? "_conv_stem" : "_conv_head");
        snprintf(norm, NAME, layer->kind == WN_STEM ? "_bn0" : "_bn1");
    } else {
        snprintf(conv, NAME, "_blocks.%d.%s", block - 1, convs[layer->kind]);
        snprintf(norm, NAME, "_blocks.%d._bn%d", block - 1, layer->kind - WN_EXPAND);
    }
}

typedef struct naming_scheme {
    const char *name, *anchor; /* the first tensor's name after the prefix */
    scheme_names names;
    const char *architecture; /* NULL: any */
} naming_scheme;

static const naming_scheme schemes[] = {
    {"torchvision", "0.0.weight", torchvision_names, NULL},
    {"pytorch-mobilenet-v2", "0.0.weight", flat_names, "mobilenet_v2"},
    {"efficientnet_pytorch", "_conv_stem.weight", efficientnet_names, "efficientnet_lite0"},
};

/* ---- one network and one prefix against the weights ---- */

typedef struct fit {
    const wn_weights *weights;
    const wn_network *network;
    const naming_scheme *scheme;
    const char *prefix;
    float *data; /* where the numbers go; NULL: only compare names and shapes */
    int matched;
    winnow_status status;
    winnow_error *error;
} fit;

static winnow_status take_tensor(fit *f, const char *name, int rank, const uint64_t *shape, size_t offset)
{
    const wn_weight *weight = wn_weights_find(f->weights, name);
    if (!weight && f->weights->wiring)
        return wn_fail(
            f->error, WINNOW_ERROR_FORMAT, -1,
            "the graph has %d convolutions, and %s more; `winnow export --score-only` leaves the layers "
            "out that its gate's score does not read: export without --score-only, or take the gate itself "
            "as a "
            "backbone",
            f->weights->wiring_count, f->network->architecture->name);
    if (!weight)
        return wn_fail(f->error, WINNOW_ERROR_FORMAT, -1, "there is no tensor '%.100s', which %s needs", name,
                       f->network->architecture->name);
    if (!wn_weight_has_shape(weight, rank, shape))
        return wn_fail(f->error, WINNOW_ERROR_FORMAT, (int64_t)weight->where,
                       "byte %llu: tensor '%.100s' has another shape than in %s at any width",
                       (unsigned long long)weight->where, name, f->network->architecture->name);
    f->matched++;
    return f->data ? wn_weight_floats(weight, f->data + offset, f->error) : WINNOW_OK;
}

/* wn_network_tensors visits a layer's tensors one after the other; this one finds their names elsewhere. */
static winnow_status take_layer(fit *f, const wn_layer *layer)
{
    char conv[NAME], norm[NAME], name[2 * NAME];
    int block = 0;
    sscanf(layer->conv, "features.%d", &block);
    f->scheme->names(layer, block, conv, norm);
    const uint64_t kernel = layer->kernel, cout = layer->cout;
    const uint64_t shape[4] = {cout, layer->kind == WN_DEPTHWISE ? 1 : layer->cin, kernel, kernel};
    snprintf(name, sizeof name, "%s%s.weight", f->prefix, conv);
    winnow_status status = take_tensor(f, name, 4, shape, layer->weight);
    const struct {
        const char *suffix;
        size_t offset;
    } vectors[] = {{"weight", layer->gamma},
                   {"bias", layer->beta},
                   {"running_mean", layer->mean},
                   {"running_var", layer->var}};
    for (size_t i = 0; !status && i < sizeof vectors / sizeof *vectors; i++) {
        snprintf(name, sizeof name, "%s%s.%s", f->prefix, norm, vectors[i].suffix);
        status = take_tensor(f, name, 1, &cout, vectors[i].offset);
    }
    return status;
}

static winnow_status take_layers(fit *f)
{
    winnow_status status = WINNOW_OK;
    for (int i = 0; i < f->network->count && !status; i++)
        status = take_layer(f, &f->network->layer[i]);
    return status;
}

/* ---- the search ---- */

/* Width number `index`: the published ones first, as several widths may have the same shapes, then every
 * hundredth. 0 at the end. */
static float width_at(int index)
{
    static const float published[] = {1, 0.35f, 0.5f, 0.75f, 1.3f, 1.4f};
    const int count = sizeof published / sizeof *published;
    if (index < count)
        return published[index];
    const int hundredths = 35 + index - count;
    return hundredths <= 140 ? (float)hundredths / 100 : 0;
}

typedef struct search {
    const wn_weights *weights;
    wn_identity *identity;
    int nearest; /* tensors that the best refused candidate had right */
    winnow_error *error;
} search;

/* Tries every width; true where one fits. Otherwise *s->error tells of the candidate that got furthest. */
static bool try_widths(search *s, const naming_scheme *scheme, const wn_architecture *architecture,
                       const char *prefix)
{
    wn_network *network = &s->identity->network;
    char anchor[NAME];
    snprintf(anchor, sizeof anchor, "%s%s", prefix, scheme->anchor);
    const wn_weight *stem = wn_weights_find(s->weights, anchor);
    for (int i = 0; width_at(i) > 0; i++) {
        winnow_error error;
        if (i && stem->shape[0] != (uint64_t)wn_stem_channels(architecture, width_at(i)))
            continue; /* it would get no further than that: most widths go without the cost of a network */
        if (wn_network_create(architecture->name, width_at(i), LEAST_INPUT, USUAL_EMBEDDING, network, &error))
            continue;
        fit f = {
            .weights = s->weights, .network = network, .scheme = scheme, .prefix = prefix, .error = &error};
        if (!take_layers(&f)) {
            s->identity->scheme = scheme->name;
            s->identity->prefix = prefix;
            return true;
        }
        if (f.matched > s->nearest) {
            s->nearest = f.matched;
            if (s->error)
                *s->error = error;
        }
        if (!architecture->scale_stem_and_head && i == 0 && !f.matched)
            break; /* its stem has one shape at all widths, and this is another */
    }
    return false;
}

/* The prefix before the scheme's anchor in a tensor's name; NULL where the name does not end with it. */
static const char *find_prefix(wn_weights *weights, const wn_weight *weight, const char *anchor)
{
    const size_t length = strlen(weight->name), end = strlen(anchor);
    if (length < end || length - end > 128 || strcmp(weight->name + length - end, anchor) != 0)
        return NULL;
    if (length > end && weight->name[length - end - 1] != '.')
        return NULL;
    return wn_arena_text(&weights->memory, weight->name, length - end);
}

static bool try_scheme(search *s, wn_weights *weights, const naming_scheme *scheme)
{
    int tried = 0;
    for (size_t i = 0; i < weights->count && tried < MAX_PREFIXES; i++) {
        const char *prefix = find_prefix(weights, &weights->item[i], scheme->anchor);
        const wn_architecture *architecture;
        tried += prefix != NULL;
        for (int a = 0; prefix && (architecture = wn_architecture_at(a)); a++)
            if ((!scheme->architecture || !strcmp(scheme->architecture, architecture->name)) &&
                try_widths(s, scheme, architecture, prefix))
                return true;
    }
    return false;
}

/* A linear layer from the features to an embedding: no ImageNet classifier, and the only one of its kind. */
static void find_embedding(const wn_weights *weights, wn_identity *identity)
{
    for (size_t i = 0; i < weights->count; i++) {
        const wn_weight *weight = &weights->item[i];
        const size_t length = strlen(weight->name);
        if (weight->rank != 2 || weight->shape[1] != (uint64_t)identity->network.features ||
            weight->shape[0] < 8 || weight->shape[0] > 2048 || weight->shape[0] == IMAGENET_CLASSES ||
            strstr(weight->name, "classifier") || length > NAME || length < strlen(".weight") ||
            strcmp(weight->name + length - strlen(".weight"), ".weight") != 0)
            continue;
        char name[NAME + 8];
        snprintf(name, sizeof name, "%.*s.bias", (int)(length - strlen(".weight")), weight->name);
        const wn_weight *bias = wn_weights_find(weights, name);
        if (!bias || !wn_weight_has_shape(bias, 1, weight->shape))
            continue;
        const bool second = identity->embedding;
        identity->embedding = second ? NULL : weight;
        identity->embedding_bias = second ? NULL : bias;
        if (second)
            return;
    }
}

/* Refuses a graph that computes something else with the network's tensors. */
static winnow_status check_wiring(const wn_weights *weights, const wn_network *network, winnow_error *error)
{
    const bool same = network->architecture->padding == WN_PADDING_SAME;
    if (!weights->wiring)
        return WINNOW_OK;
    if (weights->wiring_count != network->count)
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "%d convolutions, where %s has %d",
                       weights->wiring_count, network->architecture->name, network->count);
    for (int i = 0; i < network->count; i++) {
        const wn_wiring *w = &weights->wiring[i];
        const wn_layer *layer = &network->layer[i];
        const bool padded = w->same ? same || layer->stride == 1
                                    : w->pad_before == layer->pad_before && w->pad_after == layer->pad_after;
        const char *what = w->stride != layer->stride       ? "stride"
                           : !padded                        ? "padding"
                           : w->relu6 != layer->relu6       ? "activation (ReLU6, or none)"
                           : w->residual != layer->residual ? "shortcut"
                                                            : NULL;
        if (what)
            return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1,
                           "the convolution that makes '%.80s' has another %s than in %s", w->name, what,
                           network->architecture->name);
    }
    return WINNOW_OK;
}

winnow_status wn_identify(wn_weights *weights, wn_identity *identity, winnow_error *error)
{
    *identity = (wn_identity){0};
    search s = {.weights = weights, .identity = identity, .nearest = -1, .error = error};
    bool found = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes && !found; i++)
        found = try_scheme(&s, weights, &schemes[i]);
    if (!found && s.nearest > 0)
        return WINNOW_ERROR_FORMAT; /* *error tells of the nearest network */
    if (!found)
        return wn_fail(
            error, WINNOW_ERROR_UNSUPPORTED, -1,
            "%s, but of no network that winnow knows: mobilenet_v2 at any width (torchvision's, or "
            "pytorch-mobilenet-v2's), or efficientnet_pytorch's efficientnet-lite0",
            weights->format);
    winnow_status status = check_wiring(weights, &identity->network, error);
    if (status)
        return status;
    find_embedding(weights, identity);
    if (!identity->embedding)
        return WINNOW_OK;
    const wn_network known = identity->network;
    return wn_network_create(known.architecture->name, known.width, known.input,
                             (int)identity->embedding->shape[0], &identity->network, error);
}

/* ---- the numbers ---- */

/* Norms of another epsilon than the network's get a variance that makes up for it. */
static void change_epsilon(const wn_weights *weights, const wn_network *network, wn_params *params)
{
    const float epsilon = network->architecture->norm_epsilon;
    for (int i = 0; i < weights->wiring_count; i++) {
        const wn_layer *layer = &network->layer[i];
        float *gamma = params->data + layer->gamma, *variance = params->data + layer->var;
        for (int c = 0; c < layer->cout && weights->wiring[i].epsilon != epsilon; c++) {
            const float sum = variance[c] + weights->wiring[i].epsilon;
            variance[c] = fmaxf(sum - epsilon, 0);
            if (sum > 0 && sum < epsilon)
                gamma[c] *= sqrtf(epsilon / sum);
        }
    }
}

static winnow_status check_variances(const wn_network *network, const wn_params *params, winnow_error *error)
{
    for (int i = 0; i < network->count; i++)
        for (int c = 0; c < network->layer[i].cout; c++)
            if (params->data[network->layer[i].var + (size_t)c] < 0)
                return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "%s.running_var holds a variance below 0",
                               network->layer[i].norm);
    return WINNOW_OK;
}

winnow_status wn_identity_params(const wn_weights *weights, const wn_identity *identity, wn_params *params,
                                 winnow_error *error)
{
    const wn_network *network = &identity->network;
    fit f = {.weights = weights,
             .network = network,
             .prefix = identity->prefix,
             .data = params->data,
             .error = error};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strcmp(schemes[i].name, identity->scheme))
            f.scheme = &schemes[i];
    winnow_status status = take_layers(&f);
    if (!status && identity->embedding)
        status = wn_weight_floats(identity->embedding, params->data + network->embedding_weight, error);
    if (!status && identity->embedding)
        status = wn_weight_floats(identity->embedding_bias, params->data + network->embedding_bias, error);
    if (!status)
        status = check_variances(network, params, error);
    if (!status)
        change_epsilon(weights, network, params);
    return status;
}
