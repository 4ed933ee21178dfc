/* SPDX-License-Identifier: Apache-2.0 */
#include "coreml_model.h"

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
