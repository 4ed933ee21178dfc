/* SPDX-License-Identifier: Apache-2.0
 * The reader of PyTorch files against files of PyTorch (tests/oracle/torch_files.py), and against bent ones.
 */
#include "convert/pickle.h"
#include "convert/weights.h"
#include "runtime/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

typedef struct file {
    void *bytes;
    size_t size;
} file;

static file read_golden(const char *name)
{
    char path[1024];
    file f;
    winnow_error error;
    snprintf(path, sizeof path, GOLDEN "/%s", name);
    if (wn_read_file(path, 1 << 20, &f.bytes, &f.size, &error))
        fail_msg("%s", error.message);
    return f;
}

static wn_weights parse(file f)
{
    wn_weights weights;
    winnow_error error;
    if (wn_weights_parse(f.bytes, f.size, &weights, &error))
        fail_msg("%s", error.message);
    return weights;
}

static void assert_tensor(const wn_weights *weights, const char *name, wn_dtype dtype, size_t count,
                          const float *expected)
{
    const wn_weight *weight = wn_weights_find(weights, name);
    float values[32];
    winnow_error error;
    assert_non_null(weight);
    assert_int_equal(weight->dtype, dtype);
    uint64_t product = 1;
    for (int i = 0; i < weight->rank; i++)
        product *= weight->shape[i];
    assert_int_equal(product, count);
    if (wn_weight_floats(weight, values, &error))
        fail_msg("%s", error.message);
    assert_memory_equal(values, expected, count * sizeof *values);
}

static void assert_ramp(const wn_weights *weights, const char *name, wn_dtype dtype, size_t count)
{
    float expected[32];
    for (size_t i = 0; i < count; i++)
        expected[i] = (float)i / 8 - 1;
    assert_tensor(weights, name, dtype, count, expected);
}

static void reads_state_dict(const char *name)
{
    const file f = read_golden(name);
    wn_weights weights = parse(f);
    assert_string_equal(weights.format, "PyTorch");
    assert_int_equal(weights.count, 13);
    assert_string_equal(weights.item[0].name, "net.0.weight");
    assert_ramp(&weights, "net.0.weight", WN_F32, 6);
    assert_ramp(&weights, "plain", WN_F32, 6);
    assert_tensor(&weights, "transposed", WN_F32, 6,
                  (const float[]){-1, -0.625f, -0.875f, -0.5f, -0.75f, -0.375f});
    assert_int_equal(wn_weights_find(&weights, "transposed")->shape[0], 3);
    assert_tensor(&weights, "slice", WN_F32, 4, (const float[]){0, 0.25f, 0.75f, 1});
    assert_ramp(&weights, "same", WN_F32, 24);
    assert_tensor(&weights, "scalar", WN_F32, 1, (const float[]){2.5f});
    assert_ramp(&weights, "empty", WN_F32, 0);
    assert_ramp(&weights, "half", WN_F16, 5);
    assert_ramp(&weights, "bfloat16", WN_BF16, 5);
    assert_ramp(&weights, "double", WN_F64, 5);
    assert_ramp(&weights, "parameter", WN_F32, 3);
    const wn_weight *counter = wn_weights_find(&weights, "counter");
    float value;
    winnow_error error;
    assert_int_equal(counter->dtype, WN_I64);
    assert_int_equal(counter->data[0], 7);
    assert_int_equal(wn_weight_floats(counter, &value, &error), WINNOW_ERROR_FORMAT);
    assert_int_equal(error.where, counter->where);
    wn_weights_free(&weights);
    free(f.bytes);
}

static void zip_is_read(void **state)
{
    (void)state;
    reads_state_dict("torch_zip.pth");
}

static void legacy_is_read(void **state)
{
    (void)state;
    reads_state_dict("torch_legacy.pth");
}

static void checkpoint_gives_its_state_dict(void **state)
{
    (void)state;
    static const char *const names[] = {"torch_checkpoint.pth", "torch_checkpoint_legacy.pth"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        const file f = read_golden(names[i]);
        wn_weights weights = parse(f);
        assert_int_equal(weights.count, 2);
        assert_ramp(&weights, "weight", WN_F32, 6);
        assert_ramp(&weights, "bias", WN_F32, 3);
        wn_weights_free(&weights);
        free(f.bytes);
    }
}

/* Parses a copy of exactly `size` bytes, beyond which a sanitizer sees every read. */
static winnow_status parse_copy(const void *bytes, size_t size, winnow_error *error)
{
    void *copy = malloc(size ? size : 1);
    wn_weights weights;
    memcpy(copy, bytes, size);
    const winnow_status status = wn_weights_parse(copy, size, &weights, error);
    if (!status)
        wn_weights_free(&weights);
    free(copy);
    return status;
}

static void cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"torch_zip.pth", "torch_legacy.pth", "torch_checkpoint.pth",
                                        "torch_checkpoint_legacy.pth"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        const file f = read_golden(names[i]);
        for (size_t size = 0; size < f.size; size++) {
            winnow_error error = {0};
            if (!parse_copy(f.bytes, size, &error))
                fail_msg("%s: its first %zu bytes are read as a whole file", names[i], size);
            assert_true(error.where >= 0 && error.where <= (int64_t)size);
            assert_true(error.message[0]);
        }
        free(f.bytes);
    }
}

static void assert_refused(const char *name, int64_t where, const char *part)
{
    const file f = read_golden(name);
    winnow_error error;
    assert_int_equal(parse_copy(f.bytes, f.size, &error), WINNOW_ERROR_FORMAT);
    if (error.where != where || !strstr(error.message, part))
        fail_msg("%s: %lld: %s", name, (long long)error.where, error.message);
    free(f.bytes);
}

static int64_t find(const char *name, const char *text)
{
    const file f = read_golden(name);
    const char *at = memmem(f.bytes, f.size, text, strlen(text));
    assert_non_null(at);
    const int64_t where = at - (const char *)f.bytes;
    free(f.bytes);
    return where;
}

static void code_is_refused(void **state)
{
    (void)state;
    assert_refused("torch_evil.pth", find("torch_evil.pth", "cposix\nsystem"),
                   "names posix.system, which is not one of the few that weights need; nothing was run");
    assert_refused("torch_module.pth", find("torch_module.pth", "ctorch.nn.modules.linear\nLinear"),
                   "names torch.nn.modules.linear.Linear");
}

/* ---- single pickles ---- */

static winnow_status run(const char *bytes, size_t size, winnow_error *error)
{
    wn_arena arena = {0};
    wn_pickle pickle;
    size_t at = 0;
    char *copy = malloc(size);
    memcpy(copy, bytes, size);
    winnow_status status = wn_pickle_read(copy, size, &at, 100, &arena, &pickle, error);
    if (!status)
        assert_int_equal(at, size);
    wn_arena_free(&arena);
    free(copy);
    return status;
}

static void bent_pickles_are_refused(void **state)
{
    (void)state;
#define PICKLE(text) text, sizeof(text) - 1
    static const struct {
        const char *bytes;
        size_t size;
        int where; /* of the refusal; -1: read */
        const char *message;
    } cases[] = {
        {PICKLE("\x80\2N."), -1, ""},
        {PICKLE("\x80\2}q\0X\1\0\0\0ah\0s."), -1, ""}, /* a dictionary that holds itself */
        {PICKLE("\x80\2]q\0h\0a."), -1, ""},
        {PICKLE("\x80\4N."), 0, "another protocol"},
        {PICKLE("\x80\2"), 2, "cut off"},
        {PICKLE("\x80\2."), 2, "more or less than one value"},
        {PICKLE("\x80\2NN."), 4, "more or less than one value"},
        {PICKLE("\x80\2(."), 3, "more or less than one value"},
        {PICKLE("\x80\2\x93."), 2, "instruction 0x93"},   /* STACK_GLOBAL */
        {PICKLE("\x80\2i"), 2, "instruction 0x69"},       /* INST */
        {PICKLE("\x80\2o"), 2, "instruction 0x6f"},       /* OBJ */
        {PICKLE("\x80\2\x81"), 2, "instruction 0x81"},    /* NEWOBJ */
        {PICKLE("\x80\2\x82\1."), 2, "instruction 0x82"}, /* EXT1 */
        {PICKLE("\x80\2I1\n."), 2, "instruction 0x49"},
        {PICKLE("\x80\2X\5\0\0\0abc"), 2, "cut off"},
        {PICKLE("\x80\2X\xff\xff\xff\xff"), 2, "cut off"},
        {PICKLE("\x80\2\x8a\xff"), 2, "cut off"},
        {PICKLE("\x80\2t."), 2, "tuple without a beginning"},
        {PICKLE("\x80\2N\x86."), 3, "more values than there are"},
        {PICKLE("\x80\2(N\x86."), 4, "more values than there are"},
        {PICKLE("\x80\2NNa."), 4, "cannot take them"},
        {PICKLE("\x80\2NNNs."), 5, "cannot take them"},
        {PICKLE("\x80\2}(Nu."), 5, "cannot take them"},
        {PICKLE("\x80\2(Nu."), 4, "cannot take them"},
        {PICKLE("\x80\2(e."), 3, "cannot take them"},
        {PICKLE("\x80\2e."), 2, "cannot take them"},
        {PICKLE("\x80\2h\0."), 2, "not remembered"},
        {PICKLE("\x80\2q\0."), 2, "remembers nothing"},
        {PICKLE("\x80\2Nr\0\0\0\x10."), 3, "too high"},
        {PICKLE("\x80\2Nj\xff\xff\xff\xff."), 3, "not remembered"},
        {PICKLE("\x80\2cos\nsystem\n."), 2, "names os.system"},
        {PICKLE("\x80\2c__builtin__\neval\n."), 2, "names __builtin__.eval"},
        {PICKLE("\x80\2ctorch\nFloatStorag"), 2, "names torch."},
        {PICKLE("\x80\2c0123456789012345678901234567890123456789012345678901234567890123456789\nx\n."), 2,
         "names "},
        {PICKLE("\x80\2ctorch\nFloatStorage\n)R."), 23, "calls a type of storage"},
        {PICKLE("\x80\2ccollections\nOrderedDict\nN\x85R."), 29, "not empty"},
        {PICKLE("\x80\2N)R."), 4, "not a known name"},
        {PICKLE("\x80\2N}b."), 4, "state of what is not"},
        {PICKLE("\x80\2}Nb."), 4, "state of what is not"},
        {PICKLE("\x80\2NQ."), 3, "other than a storage"},
        {PICKLE("\x80\2(NNNNNtQ."), 9, "whole storage"},
        {PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R."), 36, "another way"},
        {PICKLE("\x80\2ctorch._utils\n_rebuild_parameter\n)R."), 36, "parameter of what is not"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        winnow_error error = {.where = 99};
        const winnow_status status = run(cases[i].bytes, cases[i].size, &error);
        if (error.where != 100 + cases[i].where || !strstr(error.message, cases[i].message) ||
            (cases[i].where < 0) != (status == WINNOW_OK))
            fail_msg("case %zu: %lld: %s", i, (long long)error.where - 100, error.message);
    }
}

/* Any one byte changed: read or refused, never worse. */
static void changed_bytes_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[] = {"torch_zip.pth", "torch_checkpoint_legacy.pth"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        const file f = read_golden(names[i]);
        uint8_t *bytes = f.bytes;
        for (size_t at = 0; at < f.size; at++)
            for (int change = 1; change < 256; change *= 2) {
                winnow_error error;
                bytes[at] ^= (uint8_t)change;
                parse_copy(bytes, f.size, &error);
                bytes[at] ^= (uint8_t)change;
            }
        free(f.bytes);
    }
}

/* One bit of the numbers of an archive: no pickle would notice. */
static void damaged_numbers_are_refused(void **state)
{
    (void)state;
    const file f = read_golden("torch_zip.pth");
    static const float ramp[] = {-1, -0.875f, -0.75f, -0.625f, -0.5f, -0.375f};
    uint8_t *numbers = memmem(f.bytes, f.size, ramp, sizeof ramp);
    winnow_error error;
    assert_non_null(numbers);
    numbers[13] ^= 1;
    assert_int_equal(parse_copy(f.bytes, f.size, &error), WINNOW_ERROR_FORMAT);
    assert_int_equal(error.where, numbers - (uint8_t *)f.bytes);
    assert_non_null(strstr(error.message, "CRC-32"));
    numbers[13] ^= 1;
    assert_int_equal(parse_copy(f.bytes, f.size, &error), WINNOW_OK);
    free(f.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zip_is_read),
        cmocka_unit_test(legacy_is_read),
        cmocka_unit_test(checkpoint_gives_its_state_dict),
        cmocka_unit_test(cut_off_anywhere_is_refused),
        cmocka_unit_test(code_is_refused),
        cmocka_unit_test(bent_pickles_are_refused),
        cmocka_unit_test(changed_bytes_do_no_harm),
        cmocka_unit_test(damaged_numbers_are_refused),
    };
    return cmocka_run_group_tests_name("torch", tests, NULL, NULL);
}
