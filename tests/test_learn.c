/* SPDX-License-Identifier: Apache-2.0
 * Teaching through the public functions: from a backbone of random weights to a gate, and from that gate to a
 * better one, on drawn patterns. */
#include "runtime/gate_file.h"
#include "runtime/learn.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backbone.h"

enum { SIDE = 48 };

/* ---- what is taught ---- */

/* Picture `number` of a kind: stripes of one colour and direction a kind, shadows that no other picture has,
 * and noise. */
static winnow_image draw(uint8_t rgb[SIDE * SIDE * 3], int kind, unsigned number)
{
    static const int colour[3][3] = {{70, 160, 80}, {150, 70, 140}, {80, 150, 100}};
    unsigned state = 12345u + 977u * number + 7919u * (unsigned)kind;
    const int period = 6 + kind * 3;
    int shadow[6][6];
    for (int i = 0; i < 36; i++) {
        state = state * 1664525u + 1013904223u;
        shadow[i / 6][i % 6] = (int)(state >> 26);
    }
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++) {
                state = state * 1664525u + 1013904223u;
                const int stripe = ((kind == 1 ? y : x) / period) % 2 ? 50 : 0;
                rgb[(y * SIDE + x) * 3 + c] =
                    (uint8_t)(colour[kind][c] + stripe - shadow[y / 8][x / 8] + (int)(state >> 27));
            }
    return (winnow_image){
        .plane = {rgb}, .stride = {SIDE * 3}, .width = SIDE, .height = SIDE, .format = WINNOW_RGB};
}

enum { GRASS, TOYS, WEEDS };

static void add(winnow_learner *learner, int kind, unsigned first, unsigned count, winnow_label label)
{
    uint8_t rgb[SIDE * SIDE * 3];
    for (unsigned i = first; i < first + count; i++) {
        const winnow_image image = draw(rgb, kind, i);
        assert_int_equal(winnow_learner_add(learner, &image, label, NULL), WINNOW_OK);
    }
}

static test_file learn(winnow_learner *learner, winnow_lesson *lesson)
{
    test_file out;
    winnow_error error;
    if (winnow_learner_learn(learner, &out.data, &out.size, lesson, &error))
        fail_msg("%s", error.message);
    return out;
}

/* Share of pictures [100, 140) of a kind that the gate accepts. */
static double accepted(test_file gate_bytes, int kind)
{
    winnow_gate *gate;
    winnow_session *session;
    uint8_t rgb[SIDE * SIDE * 3];
    int passed = 0;
    assert_int_equal(winnow_gate_open_memory(gate_bytes.data, gate_bytes.size, &gate, NULL), WINNOW_OK);
    assert_int_equal(winnow_session_create(gate, &session, NULL), WINNOW_OK);
    for (unsigned i = 100; i < 140; i++) {
        const winnow_image image = draw(rgb, kind, i);
        winnow_result result;
        assert_int_equal(winnow_score(session, &image, &result, NULL), WINNOW_OK);
        passed += result.verdict == WINNOW_NORMAL;
    }
    winnow_session_free(session);
    winnow_gate_free(gate);
    return passed / 40.0;
}

/* ---- tests ---- */

static void a_backbone_becomes_a_gate(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    winnow_error error;
    char text[128];
    test_file out = {NULL, 0};
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    assert_int_equal(winnow_learner_embedding_size(learner), BACKBONE_BOTTLENECK);
    assert_int_equal(winnow_learner_needed(learner), 19);
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "19 more normal pictures for 5%");
    add(learner, GRASS, 0, 18, WINNOW_LABEL_NORMAL);
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "1 more normal picture for 5%");
    assert_int_equal(winnow_learner_learn(learner, &out.data, &out.size, &lesson, &error), WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "add 1,"));
    assert_null(out.data);

    add(learner, GRASS, 18, 42, WINNOW_LABEL_NORMAL);
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "5% can be promised, for this camera only");
    assert_int_equal(winnow_learner_promise(learner, 0.05, 0.95, NULL), WINNOW_OK);
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "5% with 95% confidence can be promised, for this camera only");
    winnow_learner_promise(learner, 0.05, 0.99, NULL);
    assert_int_equal(winnow_learner_needed(learner), 30);
    winnow_learner_promise(learner, 0.05, 0, NULL);

    out = learn(learner, &lesson);
    assert_int_equal(lesson.normals, 60);
    assert_int_equal(lesson.new_normals, 60);
    assert_int_equal(lesson.abnormals, 0);
    assert_int_equal(lesson.sources, 1);
    assert_true(isnan(lesson.before.rejected) && isnan(lesson.before.new_rejected));
    assert_true(lesson.after.new_rejected < 0.2 && isnan(lesson.after.new_accepted));
    assert_true(accepted(out, GRASS) >= 0.8);
    assert_true(accepted(out, TOYS) <= 0.1);
    winnow_learner_free(learner);
    winnow_bytes_free(out.data);
}

/* All that the file says, also of what the gate computes with. */
static void a_gate_tells_how_it_was_made(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    winnow_gate *gate;
    char size[16];
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    add(learner, GRASS, 0, 60, WINNOW_LABEL_NORMAL);
    test_file out = learn(learner, &lesson);
    assert_int_equal(winnow_gate_open_memory(out.data, out.size, &gate, NULL), WINNOW_OK);
    snprintf(size, sizeof size, "%d", winnow_gate_input_size(gate));
    assert_string_equal(winnow_gate_metadata(gate, "winnow.input"), size);
    assert_true(winnow_gate_input_size(gate) >= 32);
    assert_string_equal(winnow_gate_metadata(gate, "winnow.false_reject"), "0.05");
    assert_string_equal(winnow_gate_metadata(gate, "winnow.calibration.count"), "60");
    assert_non_null(winnow_gate_metadata(gate, "winnow.scorer"));
    assert_null(winnow_gate_metadata(gate, "winnow.nothing"));
    winnow_gate_free(gate);
    winnow_learner_free(learner);
    winnow_bytes_free(out.data);
}

static void a_gate_learns_look_alikes(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    add(learner, GRASS, 0, 60, WINNOW_LABEL_NORMAL);
    add(learner, TOYS, 0, 20, WINNOW_LABEL_ABNORMAL);
    test_file first = learn(learner, NULL);
    winnow_learner_free(learner);

    assert_int_equal(winnow_learner_create(first.data, first.size, &learner, NULL), WINNOW_OK);
    assert_int_equal(winnow_learner_count(learner, WINNOW_LABEL_NORMAL), 60);
    assert_int_equal(winnow_learner_count(learner, WINNOW_LABEL_ABNORMAL), 20);
    test_file same = learn(learner, &lesson); /* nothing was added: nothing changes */
    assert_int_equal(same.size, first.size);
    assert_memory_equal(same.data, first.data, first.size);
    assert_true(lesson.before.rejected == lesson.after.rejected);
    winnow_bytes_free(same.data);

    assert_int_equal(winnow_learner_source(learner, "weeds", NULL), WINNOW_OK);
    add(learner, WEEDS, 0, 12, WINNOW_LABEL_ABNORMAL);
    test_file second = learn(learner, &lesson);
    assert_int_equal(lesson.new_abnormals, 12);
    assert_int_equal(lesson.abnormals, 32);
    assert_int_equal(lesson.replaced, 0);
    assert_true(lesson.after.new_accepted <= lesson.before.new_accepted);
    assert_true(accepted(second, WEEDS) < accepted(first, WEEDS) || accepted(first, WEEDS) == 0);
    assert_true(accepted(second, WEEDS) <= 0.1);
    assert_true(accepted(second, GRASS) >= 0.8);
    assert_true(accepted(second, TOYS) <= 0.1);

    winnow_learner_reset(learner); /* forgets the weeds */
    test_file again = learn(learner, NULL);
    assert_int_equal(again.size, first.size);
    assert_memory_equal(again.data, first.data, first.size);
    winnow_learner_free(learner);
    winnow_bytes_free(first.data);
    winnow_bytes_free(second.data);
    winnow_bytes_free(again.data);
}

static void what_is_told_again_is_corrected(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    add(learner, GRASS, 0, 40, WINNOW_LABEL_NORMAL);
    add(learner, TOYS, 0, 10, WINNOW_LABEL_NORMAL); /* by mistake */
    test_file wrong = learn(learner, NULL);
    winnow_learner_free(learner);
    assert_int_equal(winnow_learner_create(wrong.data, wrong.size, &learner, NULL), WINNOW_OK);
    const int normals = winnow_learner_count(learner, WINNOW_LABEL_NORMAL);
    add(learner, TOYS, 0, 10, WINNOW_LABEL_ABNORMAL);
    test_file right = learn(learner, &lesson);
    assert_int_equal(lesson.replaced, 10);
    assert_int_equal(lesson.normals, normals - 10);
    assert_int_equal(lesson.abnormals, 10);
    assert_true(accepted(wrong, TOYS) > accepted(right, TOYS));
    winnow_learner_free(learner);
    winnow_bytes_free(wrong.data);
    winnow_bytes_free(right.data);
}

/* Five frames of one scene prove no more than one, in whatever light; a picture of the other label repeats
 * none. */
static void frames_of_a_scene_count_once(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    char text[128];
    uint8_t rgb[SIDE * SIDE * 3], moved[SIDE * SIDE * 3];
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    for (unsigned scene = 0; scene < 10; scene++)
        for (int frame = 0; frame < 5; frame++) {
            const winnow_image image = draw(rgb, GRASS, scene);
            for (int i = 0; i < SIDE * SIDE * 3; i++) /* brighter, and noisy */
                moved[i] = (uint8_t)(rgb[i] + 3 * frame + (i * 7 + frame * 5) % 4);
            winnow_image again = image;
            again.plane[0] = moved;
            assert_int_equal(winnow_learner_add(learner, &again, WINNOW_LABEL_NORMAL, NULL), WINNOW_OK);
        }
    assert_int_equal(winnow_learner_count(learner, WINNOW_LABEL_NORMAL), 50);
    assert_int_equal(winnow_learner_needed(learner), 9);
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "9 more normal pictures, of other views, for 5%");
    add(learner, GRASS, 0, 10, WINNOW_LABEL_ABNORMAL);
    assert_int_equal(winnow_learner_needed(learner), 9);
    add(learner, GRASS, 10, 9, WINNOW_LABEL_NORMAL);
    assert_int_equal(winnow_learner_needed(learner), 0);
    winnow_bytes_free(learn(learner, &lesson).data);
    assert_int_equal(lesson.new_normals, 19);
    assert_int_equal(lesson.new_abnormals, 10);
    winnow_learner_free(learner);
}

static void sources_widen_the_promise(void **state)
{
    static const char *const cameras[] = {"field", "house", "shed"};
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    char text[128];
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    for (unsigned c = 0; c < 3; c++) {
        winnow_learner_source(learner, cameras[c], NULL);
        add(learner, GRASS, 20 * c, 20, WINNOW_LABEL_NORMAL);
    }
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "5% can be promised, for cameras like the 3 it knows");
    test_file out = learn(learner, &lesson);
    assert_int_equal(lesson.sources, 3);
    wn_gate_file file;
    assert_int_equal(wn_gate_file_parse(out.data, out.size, true, &file, NULL), WINNOW_OK);
    assert_int_equal(file.source, WN_CALIBRATED_BY_SOURCE);
    assert_int_equal(file.groups, 3);
    wn_gate_file_free(&file);
    winnow_learner_free(learner);
    winnow_bytes_free(out.data);
}

/* A gate of three sources, of which the first two are bursts of one camera, and the third of another. */
static test_file gate_of_bursts(const test_file *backbone, const char *third, wn_gate_file *file)
{
    static const char *const days[] = {"Monday", "Tuesday", "Friday"};
    winnow_learner *learner;
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    for (unsigned d = 0; d < 3; d++) {
        winnow_learner_source(learner, days[d], NULL);
        add(learner, GRASS, 20 * d, 20, WINNOW_LABEL_NORMAL);
    }
    test_file first = learn(learner, NULL), out;
    winnow_learner_free(learner);
    assert_int_equal(wn_gate_file_parse(first.data, first.size, true, file, NULL), WINNOW_OK);
    assert_int_equal(file->calibration.kind, WN_SOURCE_UNKNOWN);
    for (int g = 0; g < 3; g++)
        assert_int_equal(
            wn_gate_file_set_origin(file, g, WN_SOURCE_BURST, g < 2 ? "Acme Phone" : third, NULL), WINNOW_OK);
    assert_int_equal(wn_gate_file_tell_sources(file, 0, &file->calibration, NULL), WINNOW_OK);
    assert_int_equal(wn_gate_file_write_memory(file, &out.data, &out.size, NULL), WINNOW_OK);
    winnow_bytes_free(first.data);
    return out;
}

static void bursts_of_one_camera_widen_no_promise(void **state)
{
    static const struct {
        const char *third, *says;
        int cameras;
    } gates[] = {
        {"Acme Phone", "5% can be promised, for new sessions of this camera only", 1},
        {"Other Phone", "5% can be promised, for new sessions of these 2 cameras only", 2},
    };
    for (size_t i = 0; i < 2; i++) {
        winnow_learner *learner;
        wn_gate_file file, again;
        char text[128];
        test_file first = gate_of_bursts(*state, gates[i].third, &file);
        assert_int_equal(file.calibration.kind, WN_SOURCE_BURST);
        assert_int_equal(file.calibration.cameras, gates[i].cameras);
        assert_int_equal(winnow_learner_create(first.data, first.size, &learner, NULL), WINNOW_OK);
        winnow_learner_describe(learner, text, sizeof text);
        assert_string_equal(text, gates[i].says);
        /* What is taught stays beside them, forgotten sources leave them, and the file says all of it. */
        winnow_learner_source(learner, "Monday", NULL);
        add(learner, GRASS, 60, 5, WINNOW_LABEL_NORMAL);
        test_file second = learn(learner, NULL);
        winnow_learner_source(learner, "elsewhere", NULL);
        add(learner, GRASS, 70, 5, WINNOW_LABEL_NORMAL);
        winnow_learner_reset(learner);
        winnow_learner_describe(learner, text, sizeof text);
        assert_string_equal(text, gates[i].says);
        assert_int_equal(wn_gate_file_parse(second.data, second.size, true, &again, NULL), WINNOW_OK);
        assert_int_equal(again.calibration.kind, WN_SOURCE_BURST);
        assert_int_equal(again.calibration.cameras, gates[i].cameras);
        assert_string_equal(again.origin[2].camera, gates[i].third);
        wn_gate_file_free(&again);
        wn_gate_file_free(&file);
        winnow_learner_free(learner);
        winnow_bytes_free(first.data);
        winnow_bytes_free(second.data);
    }
}

/* Each words of the file, of the same length: what they say, and what they are made to say. */
static void kinds_that_mean_nothing_are_refused(void **state)
{
    static const char *const spoilt[][2] = {
        {"\"winnow.calibration.kind\":\"bursts\"", "\"winnow.calibration.kind\":\"bundle\""},
        {"\"winnow.calibration.cameras\":\"1\"", "\"winnow.calibration.cameras\":\"0\""},
        {"\"winnow.group_kind.1\":\"burst\"", "\"winnow.group_kind.1\":\"place\""},
        {"\"winnow.group_camera.1\"", "\"winnow.group_camera.7\""}};
    wn_gate_file file, none;
    test_file gate = gate_of_bursts(*state, "Acme Phone", &file);
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        const size_t length = strlen(spoilt[i][0]);
        char *at = memmem(gate.data, gate.size, spoilt[i][0], length);
        assert_non_null(at);
        memcpy(at, spoilt[i][1], length);
        assert_int_equal(wn_gate_file_parse(gate.data, gate.size, true, &none, NULL), WINNOW_ERROR_FORMAT);
        memcpy(at, spoilt[i][0], length);
    }
    assert_int_equal(wn_gate_file_parse(gate.data, gate.size, true, &none, NULL), WINNOW_OK);
    wn_gate_file_free(&none);
    wn_gate_file_free(&file);
    winnow_bytes_free(gate.data);
}

/* One picture of each of two more: the gate is still one camera's. */
static void single_pictures_do_not_widen_the_promise(void **state)
{
    static const char *const cameras[] = {"house", "shed"};
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    winnow_learner_source(learner, "field", NULL);
    add(learner, GRASS, 0, 60, WINNOW_LABEL_NORMAL);
    test_file first = learn(learner, NULL);
    winnow_learner_free(learner);
    assert_int_equal(winnow_learner_create(first.data, first.size, &learner, NULL), WINNOW_OK);
    for (unsigned c = 0; c < 2; c++) {
        winnow_learner_source(learner, cameras[c], NULL);
        add(learner, GRASS, 60 + c, 1, WINNOW_LABEL_NORMAL);
    }
    char text[128];
    winnow_learner_describe(learner, text, sizeof text);
    assert_string_equal(text, "5% can be promised, for these 3 cameras only");
    test_file second = learn(learner, &lesson);
    assert_int_equal(lesson.sources, 3);
    wn_gate_file before, after;
    assert_int_equal(wn_gate_file_parse(first.data, first.size, true, &before, NULL), WINNOW_OK);
    assert_int_equal(wn_gate_file_parse(second.data, second.size, true, &after, NULL), WINNOW_OK);
    assert_int_equal(after.source, WN_CALIBRATED_BY_BLOCK);
    assert_true(after.calibration.threshold > 0.999f * before.calibration.threshold);
    assert_true(accepted(second, WEEDS) <= accepted(first, WEEDS) + 0.05);
    wn_gate_file_free(&before);
    wn_gate_file_free(&after);
    winnow_learner_free(learner);
    winnow_bytes_free(first.data);
    winnow_bytes_free(second.data);
}

/* Uniform in [-1, 1). */
static float noise(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1;
}

/* Six views of each of four leaves that look like the normals: a gate that was taught the other views of a
 * leaf knows it, but of the leaves to come it knows nothing. */
static void views_of_one_thing_are_judged_without_each_other(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    unsigned seed = 7;
    float thing[320], view[320];
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    for (int i = 0; i < 60 + 4; i++) {
        const bool leaf = i >= 60;
        for (int j = 0; j < 320; j++)
            thing[j] = 1 + noise(&seed);
        for (int copy = 0; copy < (leaf ? 6 : 1); copy++) {
            for (int j = 0; j < 320; j++)
                view[j] = thing[j] + (leaf ? 0.1f * noise(&seed) : 0);
            assert_int_equal(winnow_learner_add_embedding(
                                 learner, view, leaf ? WINNOW_LABEL_ABNORMAL : WINNOW_LABEL_NORMAL, NULL),
                             WINNOW_OK);
        }
    }
    test_file out = learn(learner, &lesson);
    assert_int_equal(lesson.new_abnormals, 24);
    if (!(lesson.after.new_accepted > 0.5))
        fail_msg("%g of the views pass", lesson.after.new_accepted);
    winnow_learner_free(learner);
    winnow_bytes_free(out.data);
}

static void a_camera_recalibrates_a_gate(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_error error;
    test_file out = {NULL, 0};
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    assert_int_equal(winnow_learner_calibrate(learner, &out.data, &out.size, &error), WINNOW_ERROR_ARGUMENT);
    add(learner, GRASS, 0, 60, WINNOW_LABEL_NORMAL);
    test_file first = learn(learner, NULL);
    winnow_learner_free(learner);
    assert_int_equal(winnow_learner_create(first.data, first.size, &learner, NULL), WINNOW_OK);
    add(learner, WEEDS, 0, 18, WINNOW_LABEL_NORMAL);
    add(learner, TOYS, 0, 5, WINNOW_LABEL_ABNORMAL);
    assert_int_equal(winnow_learner_calibrate(learner, &out.data, &out.size, &error), WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "add 1,"));
    add(learner, WEEDS, 18, 42, WINNOW_LABEL_NORMAL);
    assert_int_equal(winnow_learner_calibrate(learner, &out.data, &out.size, NULL), WINNOW_OK);
    assert_true(accepted(out, WEEDS) >= 0.8); /* what it never saw as normal is, on this camera */
    wn_gate_file before, after;
    assert_int_equal(wn_gate_file_parse(first.data, first.size, true, &before, NULL), WINNOW_OK);
    assert_int_equal(wn_gate_file_parse(out.data, out.size, true, &after, NULL), WINNOW_OK);
    assert_int_equal(after.source, WN_CALIBRATED_BY_CAMERA);
    assert_int_equal(after.calibration.count, 60);
    assert_int_equal(after.memory.count, before.memory.count);
    assert_int_equal(after.groups, before.groups);
    assert_memory_equal(after.scorer.part[0].table[1].data, before.scorer.part[0].table[1].data,
                        320 * sizeof(float));
    wn_gate_file_free(&before);
    wn_gate_file_free(&after);
    winnow_learner_free(learner);
    winnow_bytes_free(first.data);
    winnow_bytes_free(out.data);
}

static void nonsense_is_refused(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner = NULL;
    winnow_error error;
    test_file out;
    float embedding[320];
    assert_int_equal(winnow_learner_create("gate", 4, &learner, &error), WINNOW_ERROR_FORMAT);
    assert_int_equal(winnow_learner_create(NULL, 0, &learner, &error), WINNOW_ERROR_ARGUMENT);
    assert_null(learner);
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    assert_int_equal(winnow_learner_promise(learner, 0.7, 0, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(winnow_learner_promise(learner, 0.05, 1, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(winnow_learner_source(learner, "", &error), WINNOW_ERROR_ARGUMENT);
    for (int i = 0; i < 320; i++)
        embedding[i] = i == 5 ? NAN : 1;
    assert_int_equal(winnow_learner_add_embedding(learner, embedding, WINNOW_LABEL_NORMAL, &error),
                     WINNOW_ERROR_DATA);
    assert_int_equal(winnow_learner_add_embedding(learner, embedding, (winnow_label)3, &error),
                     WINNOW_ERROR_ARGUMENT);
    assert_int_equal(winnow_learner_count(learner, WINNOW_LABEL_NORMAL), 0);
    assert_int_equal(winnow_learner_learn(learner, &out.data, &out.size, NULL, &error), WINNOW_ERROR_DATA);
    assert_int_equal(winnow_learner_learn(NULL, &out.data, &out.size, NULL, &error), WINNOW_ERROR_ARGUMENT);
    winnow_learner_free(learner);
    winnow_learner_free(NULL);
    winnow_learner_reset(NULL);
}

/* Memory and time stay bounded, however much is taught; and the newest photos are kept. */
static void memory_is_bounded(void **state)
{
    const test_file *backbone = *state;
    winnow_learner *learner;
    winnow_lesson lesson;
    unsigned seed = 1;
    float embedding[320];
    assert_int_equal(winnow_learner_create(backbone->data, backbone->size, &learner, NULL), WINNOW_OK);
    for (int i = 0; i < 2 * WN_MEMORY + 100; i++) {
        for (int j = 0; j < 320; j++) {
            seed = seed * 1664525u + 1013904223u;
            embedding[j] = 1 + (float)(seed >> 8) / 16777216.0f;
        }
        winnow_learner_source(learner, i < 2 * WN_MEMORY ? "old" : "new", NULL);
        assert_int_equal(winnow_learner_add_embedding(learner, embedding, WINNOW_LABEL_NORMAL, NULL),
                         WINNOW_OK);
    }
    test_file out = learn(learner, &lesson);
    assert_int_equal(lesson.normals, WN_MEMORY);
    wn_gate_file file;
    assert_int_equal(wn_gate_file_parse(out.data, out.size, true, &file, NULL), WINNOW_OK);
    int fresh = 0;
    for (int i = 0; i < file.memory.count; i++)
        fresh += !strcmp(file.group_name[file.memory.group[i]], "new");
    assert_int_equal(fresh, 100);
    wn_gate_file_free(&file);
    winnow_learner_free(learner);
    winnow_bytes_free(out.data);
}

static int create(void **state)
{
    static test_file backbone;
    backbone = make_backbone();
    *state = &backbone;
    return 0;
}

static int destroy(void **state)
{
    free(((test_file *)*state)->data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backbone_becomes_a_gate),
        cmocka_unit_test(a_gate_tells_how_it_was_made),
        cmocka_unit_test(a_gate_learns_look_alikes),
        cmocka_unit_test(what_is_told_again_is_corrected),
        cmocka_unit_test(frames_of_a_scene_count_once),
        cmocka_unit_test(sources_widen_the_promise),
        cmocka_unit_test(bursts_of_one_camera_widen_no_promise),
        cmocka_unit_test(kinds_that_mean_nothing_are_refused),
        cmocka_unit_test(single_pictures_do_not_widen_the_promise),
        cmocka_unit_test(views_of_one_thing_are_judged_without_each_other),
        cmocka_unit_test(a_camera_recalibrates_a_gate),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, create, destroy);
}
