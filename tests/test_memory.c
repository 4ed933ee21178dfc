/* SPDX-License-Identifier: Apache-2.0
 * Every allocation of the runtime fails once: each gives WINNOW_ERROR_MEMORY, and leaks nothing. And where
 * none is allowed, scoring makes none, nor does it ask the environment. */
#include "failing.h"
#include "golden/safetensors.h"
#include "runtime/file.h"
#include "runtime/gate_file.h"
#include "runtime/network.h"
#include "runtime/safetensors.h"
#include "runtime/session.h"

#include <stdio.h>
#include <unistd.h>

#include "backbone.h"

static winnow_status parse(winnow_error *error)
{
    wn_safetensors *file;
    const winnow_status status = wn_safetensors_parse(golden_ours, sizeof golden_ours, &file, error);
    if (!status)
        wn_safetensors_free(file);
    return status;
}

static winnow_status write_to(const char *path, winnow_error *error)
{
    wn_writer *writer = wn_writer_create();
    if (!writer)
        return wn_fail_memory(error);
    const uint64_t shape[1] = {4};
    char name[16];
    for (int i = 0; i < 70; i++) { /* more than the arrays hold at first */
        snprintf(name, sizeof name, "tensor %d", i);
        wn_writer_tensor(writer, name, WN_U8, 1, shape, "abcd");
        wn_writer_metadata(writer, name, "value");
        wn_writer_metadata(writer, name, "another value");
    }
    void *bytes = NULL;
    size_t size;
    const winnow_status status =
        path ? wn_writer_write(writer, path, error) : wn_writer_write_memory(writer, &bytes, &size, error);
    wn_writer_free(writer);
    free(bytes);
    return status;
}

static winnow_status write_memory(winnow_error *error)
{
    return write_to(NULL, error);
}

static char path[] = "/tmp/winnow-test-memory-XXXXXX";

static winnow_status write_file(winnow_error *error)
{
    return write_to(path, error);
}

static winnow_status read_file(winnow_error *error)
{
    wn_safetensors *file;
    const winnow_status status = wn_safetensors_read(path, &file, error);
    if (!status)
        wn_safetensors_free(file);
    return status;
}

static winnow_status create_params(winnow_error *error)
{
    static wn_network network;
    wn_params params;
    winnow_status status = wn_network_create("mobilenet_v2", 0.35f, 96, 8, &network, error);
    if (!status)
        status = wn_params_create(&network, &params, error);
    if (!status)
        wn_params_free(&params);
    return status;
}

static test_file backbone;

/* From a backbone and photos to the bytes of a gate. */
static winnow_status teach_gate(test_file *gate, winnow_error *error)
{
    winnow_learner *learner;
    float embedding[BACKBONE_BOTTLENECK];
    winnow_status status = winnow_learner_create(backbone.data, backbone.size, &learner, error);
    if (status)
        return status;
    winnow_learner_promise(learner, 0.1, 0, NULL);
    for (int i = 0; i < 15 && !status; i++) {
        const bool normal = i % 4 != 0;
        for (int j = 0; j < BACKBONE_BOTTLENECK; j++)
            embedding[j] = (float)((i * 37 + j * 11) % 29) + (normal ? 20.0f * (j % 2) : 0);
        status = winnow_learner_add_embedding(learner, embedding,
                                              normal ? WINNOW_LABEL_NORMAL : WINNOW_LABEL_ABNORMAL, error);
    }
    winnow_lesson lesson;
    if (!status)
        status = winnow_learner_learn(learner, &gate->data, &gate->size, &lesson, error);
    winnow_learner_free(learner);
    return status;
}

static winnow_status teach(winnow_error *error)
{
    test_file gate;
    const winnow_status status = teach_gate(&gate, error);
    if (!status)
        winnow_bytes_free(gate.data);
    return status;
}

/* ---- gates of every precision ---- */

static test_file gates[WN_PRECISION_INT8 + 1];

static void make_gate(wn_precision precision)
{
    winnow_error error;
    wn_gate_file file;
    test_file gate;
    if (teach_gate(&gate, &error) || wn_gate_file_parse(gate.data, gate.size, true, &file, &error))
        fail_msg("%s", error.message);
    winnow_bytes_free(gate.data);
    file.bf16 = precision == WN_PRECISION_BF16;
    file.int8 = precision == WN_PRECISION_INT8;
    for (int i = 0; i <= file.network.count; i++)
        file.ranges.low[i] = -6, file.ranges.high[i] = 6;
    test_file *out = &gates[precision];
    if (wn_gate_file_write_memory(&file, &out->data, &out->size, &error))
        fail_msg("%s", error.message);
    wn_gate_file_free(&file);
}

static int make_gates(void **state)
{
    (void)state;
    backbone = make_backbone();
    for (int precision = 0; precision <= WN_PRECISION_INT8; precision++)
        make_gate((wn_precision)precision);
    return 0;
}

static int free_gates(void **state)
{
    (void)state;
    for (int precision = 0; precision <= WN_PRECISION_INT8; precision++)
        free(gates[precision].data);
    free(backbone.data);
    return 0;
}

static test_file opened; /* of the gates, the one that open_gate opens */

static winnow_status open_gate(winnow_error *error)
{
    winnow_gate *gate;
    const winnow_status status = winnow_gate_open_memory(opened.data, opened.size, &gate, error);
    if (!status)
        winnow_gate_free(gate);
    return status;
}

static winnow_gate *gate_of_session;

static winnow_status create_session(winnow_error *error)
{
    winnow_session *session;
    const winnow_status status = winnow_session_create(gate_of_session, &session, error);
    if (!status)
        winnow_session_free(session);
    return status;
}

static void opening_survives(void **state)
{
    (void)state;
    for (int precision = 0; precision <= WN_PRECISION_INT8; precision++) {
        opened = gates[precision];
        fail_each(open_gate, 20);
        assert_int_equal(winnow_gate_open_memory(opened.data, opened.size, &gate_of_session, NULL),
                         WINNOW_OK);
        fail_each(create_session, 2);
        winnow_gate_free(gate_of_session);
    }
}

/* `winnow bench` tells what is true. */
static void sessions_take_what_they_say(void **state)
{
    (void)state;
    for (int precision = 0; precision <= WN_PRECISION_INT8; precision++) {
        winnow_error error;
        wn_gate_file file;
        wn_plan *plan = NULL;
        winnow_gate *gate = NULL;
        winnow_session *session;
        if (wn_gate_file_parse(gates[precision].data, gates[precision].size, false, &file, &error) ||
            wn_gate_file_plan(&file, &plan, &error) ||
            winnow_gate_open_memory(gates[precision].data, gates[precision].size, &gate, &error))
            fail_msg("%s", error.message);
        allocated = 0;
        assert_int_equal(winnow_session_create(gate, &session, NULL), WINNOW_OK);
        assert_int_equal(allocated, wn_session_bytes(&file, plan));
        winnow_session_free(session);
        winnow_gate_free(gate);
        wn_plan_free(plan);
        wn_gate_file_free(&file);
    }
}

enum { LARGEST = 65535, AREA = 1000 * 1000, SIZES = 10, SMALL_SIZES = 5 };
static const int sizes[SIZES][2] = {{1, 1},     {3, 2},       {37, 21},     {96, 96},     {200, 100},
                                    {640, 480}, {1000, 1000}, {LARGEST, 7}, {7, LARGEST}, {LARGEST, 15}};
static uint8_t pixels[AREA * 4];

/* A picture whose planes lie in `pixels`. */
static winnow_image picture(winnow_pixel_format format, int width, int height, int orientation)
{
    const int half = (width + 1) / 2;
    const ptrdiff_t row = format <= WINNOW_BGR ? 3 * width : format <= WINNOW_BGRA ? 4 * width : width;
    const ptrdiff_t chroma = format == WINNOW_NV12 ? 2 * half : half;
    uint8_t *second = pixels + row * height;
    return (winnow_image){.plane = {pixels, second, second + chroma * ((height + 1) / 2)},
                          .stride = {row, chroma, chroma},
                          .width = width,
                          .height = height,
                          .format = format,
                          .orientation = orientation,
                          .yuv = WINNOW_YUV_709_VIDEO};
}

/* Scores, embeds and explains without an allocation. */
static void look_at(winnow_session *session, const winnow_image *image, float *embedding)
{
    winnow_error error = {.message = ""};
    winnow_result result;
    float map[WINNOW_EXPLAIN_SIDE * WINNOW_EXPLAIN_SIDE];
    forbidden = true;
    winnow_status status = winnow_score(session, image, &result, &error);
    if (!status)
        status = winnow_embed(session, image, embedding, &error);
    if (!status && image->orientation == 5)
        status = winnow_explain(session, image, map, &result, &error);
    forbidden = false;
    if (status)
        fail_msg("%s", error.message);
    assert_int_equal(attempts, 0);
}

/* In every format, pictures of the first `count` sizes. */
static void look_at_pictures(winnow_session *session, size_t count, float *embedding)
{
    for (size_t size = 0; size < count; size++)
        for (int format = WINNOW_RGB; format <= WINNOW_I420; format++) {
            const int orientation = 1 + (int)(size + (size_t)format) % 8;
            const winnow_image image =
                picture((winnow_pixel_format)format, sizes[size][0], sizes[size][1], orientation);
            look_at(session, &image, embedding);
        }
}

/* Large pictures at one precision: what reads pixels does not know it. */
static void scoring_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    for (int precision = 0; precision <= WN_PRECISION_INT8; precision++) {
        winnow_gate *gate;
        winnow_session *session;
        assert_int_equal(winnow_gate_open_memory(gates[precision].data, gates[precision].size, &gate, NULL),
                         WINNOW_OK);
        assert_int_equal(winnow_session_create(gate, &session, NULL), WINNOW_OK);
        float *embedding = malloc((size_t)winnow_gate_embedding_size(gate) * sizeof *embedding);
        look_at_pictures(session, precision == WN_PRECISION_FP32 ? SIZES : SMALL_SIZES, embedding);
        free(embedding);
        winnow_session_free(session);
        winnow_gate_free(gate);
    }
}

/* The rule above catches what allocates. */
static void forbidding_works(void **state)
{
    (void)state;
    winnow_error error;
    winnow_gate *gate;
    forbidden = true;
    const winnow_status status = winnow_gate_open_memory(gates[0].data, gates[0].size, &gate, &error);
    forbidden = false;
    assert_int_equal(status, WINNOW_ERROR_MEMORY);
    assert_true(attempts > 0);
    attempts = 0;
}

static void teaching_survives(void **state)
{
    (void)state;
    fail_each(teach, 300);
}

static void reading_survives(void **state)
{
    (void)state;
    fail_each(parse, 5);
}

static void writing_survives(void **state)
{
    (void)state;
    fail_each(write_memory, 200);
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fail_each(write_file, 200);
    fail_each(read_file, 6);
    remove(path);
}

static void parameters_survive(void **state)
{
    (void)state;
    fail_each(create_params, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(teaching_survives),         cmocka_unit_test(reading_survives),
        cmocka_unit_test(writing_survives),          cmocka_unit_test(parameters_survive),
        cmocka_unit_test(opening_survives),          cmocka_unit_test(forbidding_works),
        cmocka_unit_test(scoring_allocates_nothing), cmocka_unit_test(sessions_take_what_they_say),
    };
    return cmocka_run_group_tests(tests, make_gates, free_gates);
}
