/* SPDX-License-Identifier: Apache-2.0
 * Every allocation of the runtime fails once: each gives WINNOW_ERROR_MEMORY, and (with the leak sanitizer)
 * leaks nothing. The linker puts the functions below in place of malloc and its kin. */
#include "golden/safetensors.h"
#include "runtime/file.h"
#include "runtime/network.h"
#include "runtime/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backbone.h"

static long until_failure = -1; /* < 0: never */

static bool fails(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* Runs `work` with its first allocation failing, then its second, until nothing fails any more. */
static void fail_each(winnow_status (*work)(winnow_error *error), long least)
{
    winnow_error error;
    long n = 0;
    for (;; n++) {
        until_failure = n;
        const winnow_status status = work(&error);
        const bool all_done = until_failure >= 0;
        until_failure = -1;
        if (all_done) {
            assert_int_equal(status, WINNOW_OK);
            break;
        }
        assert_int_equal(status, WINNOW_ERROR_MEMORY);
        assert_int_equal(error.code, WINNOW_ERROR_MEMORY);
        assert_non_null(strstr(error.message, "out of memory"));
    }
    assert_true(n >= least);
}

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
static winnow_status teach(winnow_error *error)
{
    winnow_learner *learner;
    test_file gate;
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
        status = winnow_learner_learn(learner, &gate.data, &gate.size, &lesson, error);
    winnow_learner_free(learner);
    if (!status)
        winnow_bytes_free(gate.data);
    return status;
}

static void teaching_survives(void **state)
{
    (void)state;
    backbone = make_backbone();
    fail_each(teach, 300);
    free(backbone.data);
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
        cmocka_unit_test(teaching_survives),
        cmocka_unit_test(reading_survives),
        cmocka_unit_test(writing_survives),
        cmocka_unit_test(parameters_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
