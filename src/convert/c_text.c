/* SPDX-License-Identifier: Apache-2.0
 * Prints a C file and its header. */
#include "c_program.h"

extern const char c_template_c[]; /* c_template.c, put here by the build */

/* The text, with the program's name for each $. */
static void put(FILE *out, const wn_c_program *e, const char *text)
{
    for (; *text; text++)
        if (*text == '$')
            fputs(e->name, out);
        else
            fputc(*text, out);
}

/* A float that reads back as the same, whatever the locale. */
static void put_number(FILE *out, float value, const char *end)
{
    char text[WN_NUMBER_TEXT];
    wn_format_number((double)value, text);
    fputs(text, out);
    fputs(end, out);
}

static void put_three(FILE *out, const char *name, const float value[3])
{
    fprintf(out, "static const float %s[3] = {(float)", name);
    put_number(out, value[0], ", (float)");
    put_number(out, value[1], ", (float)");
    put_number(out, value[2], "};\n");
}

static void put_define(FILE *out, const char *name, float value)
{
    fprintf(out, "#define %s ((float)", name);
    put_number(out, value, ")\n");
}

static void put_arrays(FILE *out, const wn_c_program *e)
{
    fprintf(out, "\nstatic const float all_numbers[%zu] = {\n", e->number_count);
    for (size_t i = 0; i < e->number_count; i++)
        put_number(out, e->numbers[i], i % 10 == 9 ? ",\n" : ",");
    fprintf(out, "};\n\nstatic const signed char all_small[%zu] = {\n", e->small_count ? e->small_count : 1);
    for (size_t i = 0; i < e->small_count; i++)
        fprintf(out, i % 30 == 29 ? "%d,\n" : "%d,", e->small[i]);
    fputs(e->small_count ? "};\n" : "0};\n", out);
}

static void put_steps(FILE *out, const wn_c_program *e)
{
    fputs("\nenum { CONVOLVE, DEPTHWISE, DENSE, ADD, MEAN, COPY, NORMALISE, TOP, SQUARES, SOFTMAX };\n\n"
          "/* from, to: places in the scratch; weight, scale, bias: places among the numbers (8-bit weights: "
          "among "
          "those). */\n"
          "typedef struct step {\n    int op, from[2], to, cin, cout, kernel, stride, pad, in, out, relu6, "
          "top, quantised, "
          "weight, scale, bias;\n} step;\n\nstatic const step steps[] = {\n",
          out);
    for (int i = 0; i < e->steps; i++) {
        const wn_c_step *s = &e->step[i];
        fprintf(out, "    {%s, {%zu, %zu}, %zu, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %zu, %zu, %td},\n",
                s->op, s->from[0], s->from[1], s->to, s->cin, s->cout, s->kernel, s->stride, s->pad, s->in,
                s->out, s->relu6, s->top, s->quantised, s->weight, s->scale, s->bias);
    }
    fputs("};\n", out);
}

static const char score_start[] =
    "const unsigned char *rgb, int width, int height, long stride, void *scratch,\n"
    "            $_result *result)\n{\n    float *memory = scratch;\n";
static const char score_run[] =
    "    if (!rgb || width < 1 || height < 1 || width > MOST || height > MOST || !scratch || !result)\n"
    "        return -1;\n"
    "    preprocess(rgb, width, height, stride, memory + 3 * SIDE * SIDE, memory);\n"
    "    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)\n"
    "        run_step(&steps[i], numbers, small, memory);\n"
    "    const float score = memory[SCORE];\n"
    "    result->similarity = score;\n"
    "    result->p_value = p_value_of(numbers, score);\n"
    "    result->verdict = score >= THRESHOLD ? 0 : score >= UNSURE ? 1 : 2;\n"
    "    memcpy(result->embedding, memory + EMBEDDING, sizeof result->embedding);\n";
static const char score_classes[] =
    "    memcpy(result->class_probability, memory + PROBABILITY, sizeof result->class_probability);\n";

static void put_score(FILE *out, const wn_c_program *e)
{
    put(out, e, e->options->separate ? "\nint $_score(const void *weights, " : "\nint $_score(");
    put(out, e, score_start);
    if (e->options->separate)
        fputs("    const float *numbers = weights;\n"
              "    const signed char *small = (const signed char *)(numbers + NUMBERS);\n",
              out);
    else
        fputs("    const float *numbers = all_numbers;\n    const signed char *small = all_small;\n", out);
    fputs(score_run, out);
    fputs(e->graph->probability >= 0 ? score_classes : "", out);
    fputs("    return 0;\n}\n", out);
}

static void put_places(FILE *out, const wn_c_program *e)
{
    const wn_gate_file *file = &e->source->file;
    const wn_graph *graph = e->graph;
    fprintf(out, "enum {\n    SIDE = %d,\n    CROP = %d,\n    MOST = %d,\n    SUMS = %zu,\n",
            file->network.input, file->preprocess.fit == WN_FIT_CROP, WN_C_MOST_SIDE, e->sums);
    fprintf(out, "    SCORE = %zu,\n    EMBEDDING = %zu,\n    PROBABILITY = %zu,\n",
            e->place[graph->similarity], e->place[graph->embedding],
            graph->probability >= 0 ? e->place[graph->probability] : 0);
    fprintf(out, "    KNOTS = %d,\n    KNOT_SCORES = %zu,\n    KNOT_P_VALUES = %zu,\n    NUMBERS = %zu\n};\n",
            file->calibration.knots, e->knot_scores, e->knot_p_values, e->number_count);
    fprintf(out, "#define OPENCV_BILINEAR %d\n", file->preprocess.resample == WN_RESAMPLE_OPENCV_BILINEAR);
}

void wn_c_put_code(FILE *out, const wn_c_program *e)
{
    const wn_calibration *calibration = &e->source->file.calibration;
    put(out, e,
        WN_EXPORTED_C WINNOW_VERSION ". The code is under the Apache License 2.0. */\n"
                                     "#include \"$.h\"\n\n#include <math.h>\n#include <string.h>\n\n");
    put_places(out, e);
    put_define(out, "THRESHOLD", calibration->threshold);
    put_define(out, "UNSURE", calibration->unsure);
    put_define(out, "LEAST_P", calibration->least_p);
    put_three(out, "mean", e->graph->mean);
    put_three(out, "deviation", e->graph->std);
    if (!e->options->separate)
        put_arrays(out, e);
    put_steps(out, e);
    fputs(c_template_c, out);
    put_score(out, e);
}

/* ---- the header ---- */

/* Values go into a comment: no end of one in them, and no line breaks. */
static void put_comment(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc(*text == '/' || *text == '\\' || (unsigned char)*text < ' ' ? '.' : *text, out);
}

static void put_notes(FILE *out, const wn_c_program *e)
{
    const char *key, *value;
    for (size_t i = 0; wn_export_note(e->source, i, &key, &value); i++)
        if (key) {
            fputs(" *     ", out);
            put_comment(out, key);
            fputs(" = ", out);
            put_comment(out, value);
            fputc('\n', out);
        }
}

void wn_c_put_header(FILE *out, const wn_c_program *e)
{
    const bool separate = e->options->separate;
    const size_t bytes = e->number_count * sizeof(float) + e->small_count;
    fputs(WN_EXPORTED_C WINNOW_VERSION ". It needs libm alone: no files, no allocation, no "
                                       "state.\n",
          out);
    put_notes(out, e);
    put(out, e, " */\n#ifndef $_H\n#define $_H\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    put(out, e, "#define $_SCRATCH ");
    fprintf(out, "%zu /* bytes */\n", e->memory * sizeof(float));
    put(out, e, "#define $_MOST_SIDE ");
    fprintf(out, "%d /* of a picture, in pixels */\n", WN_C_MOST_SIDE);
    put(out, e, "#define $_EMBEDDING ");
    fprintf(out, "%d\n", e->graph->node[e->graph->embedding].channels);
    put(out, e, "#define $_CLASSES ");
    fprintf(out, "%d\n", e->source->file.class_count);
    put(out, e, "#define $_WEIGHTS ");
    fprintf(out, "%zu /* bytes of weights that %s_score has to be given */\n", separate ? bytes : 0, e->name);
    put(out, e,
        "\ntypedef struct $_result {\n    float similarity, p_value;\n"
        "    int verdict; /* 0 normal, 1 unsure, 2 abnormal */\n    float embedding[$_EMBEDDING];\n");
    if (e->graph->probability >= 0)
        put(out, e, "    float class_probability[$_CLASSES];\n");
    put(out, e,
        "} $_result;\n\n/* Judges an upright picture of RGB bytes, `stride` bytes from one row to the next. "
        "scratch: $_SCRATCH\n * bytes, aligned as for float, with any contents.");
    if (separate)
        put(out, e, " weights: what is in $.bin, aligned as for float, on a\n * little-endian machine.");
    put(out, e, " Returns 0, or -1 for a NULL or a\n * side that is not 1 to $_MOST_SIDE. */\nint $_score(");
    put(out, e, separate ? "const void *weights, " : "");
    put(out, e,
        "const unsigned char *rgb, int width, int height, long stride, void *scratch,\n"
        "            $_result *result);\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
