/* SPDX-License-Identifier: Apache-2.0 */
#include "coreml_model.h"
#include "runtime/half.h"

#include <math.h>

int wn_coreml_outputs(const wn_graph *graph, wn_coreml_output *output)
{
    int count = 0;
    output[count++] = (wn_coreml_output){"similarity", graph->similarity, 1};
    output[count++] = (wn_coreml_output){"p_value", -1, 1};
    output[count++] = (wn_coreml_output){"is_normal", -1, 1};
    output[count++] =
        (wn_coreml_output){"embedding", graph->embedding, graph->node[graph->embedding].channels};
    if (graph->probability >= 0)
        output[count++] = (wn_coreml_output){"class_probability", graph->probability,
                                             graph->node[graph->probability].channels};
    return count;
}

static Coreml__FeatureDescription *add_feature(wn_coreml_feature *f, const char *name, const char *about)
{
    coreml__feature_description__init(&f->proto);
    coreml__feature_type__init(&f->type);
    coreml__array_type__init(&f->array);
    coreml__image_type__init(&f->image);
    f->proto.name = (char *)name;
    f->proto.shortdescription = (char *)about;
    f->proto.type = &f->type;
    return &f->proto;
}

static void add_interface(wn_coreml_model *m, const wn_export_source *source, const wn_graph *graph)
{
    static const char *const about[] = {
        "Higher is more normal", "Share of normal pictures that look no more normal",
        "1: the right kind of picture, 0: not", "Of length 1", "In the order of winnow.class.0 ..."};
    wn_coreml_output output[WN_COREML_OUTPUTS];
    m->inputs[0] = add_feature(&m->input, "image", "An upright picture");
    m->input.type.type_case = COREML__FEATURE_TYPE__TYPE_IMAGE_TYPE;
    m->input.type.imagetype = &m->input.image;
    m->input.image.width = m->input.image.height = source->file.network.input;
    m->input.image.colorspace = WN_COREML_RGB;
    m->description.n_input = 1;
    m->description.input = m->inputs;
    m->description.n_output = (size_t)wn_coreml_outputs(graph, output);
    m->description.output = m->outputs;
    for (size_t i = 0; i < m->description.n_output; i++) {
        wn_coreml_feature *f = &m->output[i];
        m->outputs[i] = add_feature(f, output[i].name, about[i]);
        f->type.type_case = COREML__FEATURE_TYPE__TYPE_MULTI_ARRAY_TYPE;
        f->type.multiarraytype = &f->array;
        f->shape[0] = output[i].length;
        f->array.n_shape = 1;
        f->array.shape = f->shape;
        f->array.datatype = WN_COREML_FLOAT32;
    }
}

void wn_coreml_describe(wn_coreml_model *m, const wn_export_source *source, const wn_graph *graph,
                        int version)
{
    const char *key, *value;
    coreml__model__init(&m->proto);
    coreml__model_description__init(&m->description);
    coreml__metadata__init(&m->metadata);
    m->proto.specificationversion = version;
    m->proto.description = &m->description;
    m->description.metadata = &m->metadata;
    m->metadata.shortdescription = "A gate: is this the right kind of picture?";
    m->metadata.versionstring = WINNOW_VERSION;
    m->metadata.author = "winnow";
    m->metadata.userdefined = m->notes;
    for (size_t i = 0; wn_export_note(source, i, &key, &value) && m->metadata.n_userdefined < WN_COREML_NOTES;
         i++) {
        if (!key)
            continue;
        Coreml__TextEntry *note = m->notes[m->metadata.n_userdefined] = &m->note[m->metadata.n_userdefined];
        m->metadata.n_userdefined++;
        coreml__text_entry__init(note);
        note->key = (char *)key;
        note->value = (char *)value;
    }
    add_interface(m, source, graph);
}

void wn_coreml_steps(const wn_calibration *calibration, float *step)
{
    float before = calibration->least_p;
    for (int j = 0; j < calibration->knots; j++) {
        step[j] = calibration->p[j] - before;
        before = calibration->p[j];
    }
}

/* ---- halves ---- */

bool wn_coreml_halved(const wn_graph *graph, const wn_node *node)
{
    enum { SHARE = 16 };
    size_t convolutions = 0;
    for (int i = 0; i < graph->count; i++)
        if (graph->node[i].op == WN_OP_CONVOLVE)
            convolutions += wn_node_weights(graph, &graph->node[i]);
    const bool matrix = node->op == WN_OP_DENSE || (node->op == WN_OP_CONVOLVE && node->layer->kernel == 1);
    return matrix && SHARE * wn_node_weights(graph, node) >= convolutions;
}

/* Mean of max(x - least, 0) for normally distributed x. */
static double mean_above(double mean, double deviation, double least)
{
    const double over = mean - least, z = over / deviation;
    return over * erfc(-z * M_SQRT1_2) / 2 + deviation * exp(-z * z / 2) * M_2_SQRTPI * M_SQRT1_2 / 2;
}

/* Of channel c of a layer's output, before ReLU6 distributed as its batch norm says. A norm that came folded
 * into its convolution says nothing: its mean is 0. */
static double mean_output(const wn_layer *layer, const float *data, size_t c)
{
    const double mean = (double)data[layer->beta + c], deviation = fabs((double)data[layer->gamma + c]);
    if (data[layer->mean + c] == 0 || deviation == 0)
        return 0;
    return mean_above(mean, deviation, 0) - mean_above(mean, deviation, 6);
}

void wn_coreml_correct_biases(const wn_gate_file *file, wn_graph *graph)
{
    for (int i = 1; i < graph->count; i++) {
        const wn_node *node = &graph->node[i], *before = &graph->node[node->input[0]];
        if (node->op != WN_OP_CONVOLVE || !wn_coreml_halved(graph, node) || before->op != WN_OP_CONVOLVE ||
            !before->layer->relu6)
            continue;
        const size_t in = (size_t)before->channels;
        for (size_t c = 0; c < in; c++) {
            const double mean = mean_output(before->layer, file->params.data, c);
            for (size_t o = 0; o < (size_t)node->channels; o++) {
                const float weight = node->weight[o * in + c];
                const float error = wn_half_to_float(wn_half_from_float(weight)) - weight;
                node->bias[o] -= (float)(mean * (double)error);
            }
        }
    }
}
