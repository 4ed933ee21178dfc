/* SPDX-License-Identifier: Apache-2.0
 * The reader against files of the safetensors package (tests/oracle/safetensors_golden.py) and against every
 * kind of broken file, with the byte that each refusal names; the writer against the golden layout. */
#include "golden/safetensors.h"
#include "runtime/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static wn_safetensors *parse(const void *bytes, size_t size)
{
    wn_safetensors *file;
    winnow_error error;
    if (wn_safetensors_parse(bytes, size, &file, &error))
        fail_msg("%s", error.message);
    return file;
}

static const wn_tensor *find(const wn_safetensors *file, const char *name, wn_dtype dtype, int rank)
{
    const wn_tensor *tensor = wn_safetensors_find(file, name);
    assert_non_null(tensor);
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->dtype, dtype);
    assert_int_equal(tensor->rank, rank);
    return tensor;
}

static void assert_floats(const wn_safetensors *file, const char *name, size_t count, const float *expected)
{
    float values[8];
    winnow_error error;
    if (wn_safetensors_floats(file, name, count, values, &error))
        fail_msg("%s", error.message);
    assert_memory_equal(values, expected, count * sizeof *values);
}

static void assert_is_golden(const wn_safetensors *file)
{
    assert_int_equal(wn_safetensors_count(file), 10);
    assert_int_equal(find(file, "f32", WN_F32, 2)->shape[1], 3);
    assert_int_equal(find(file, "f64", WN_F64, 0)->bytes, 8);
    assert_int_equal(find(file, "u8", WN_U8, 3)->bytes, 0);
    assert_memory_equal(find(file, "i8", WN_I8, 1)->data, "\x80\x00\x7f", 3);
    assert_memory_equal(find(file, "bool", WN_BOOL, 2)->data, "\1\0", 2);
    assert_memory_equal(find(file, "i16", WN_I16, 1)->data, "\xd4\xfe", 2);
    assert_memory_equal(find(file, "i32", WN_I32, 1)->data, "\xf9\xff\xff\xff", 4);
    assert_memory_equal((const char *)find(file, "i64", WN_I64, 1)->data + 8, "\0\0\0\0\0\0\0\x40", 8);
    assert_null(wn_safetensors_find(file, "f3"));
    assert_null(wn_safetensors_find(file, "zz"));
    assert_null(wn_safetensors_at(file, 10));
    assert_floats(file, "f32", 6, (float[]){0, -1.5f, 3.4028234663852886e38f, 1e-45f, 2, 3});
    assert_floats(file, "f64", 1, (float[]){1.1f});
    assert_floats(file, "f16", 5, (float[]){1, -2.5f, 65504, 0x1p-24f, -0.0f});
    assert_floats(file, "bf16", 2, (float[]){1, -3.140625f});
    assert_int_equal(wn_safetensors_metadata_count(file), 3);
    assert_string_equal(wn_safetensors_metadata(file, "a"), "gr\u00fcn \u7a32 \U0001f33e");
    assert_string_equal(wn_safetensors_metadata(file, "b"), "quote \" backslash \\ tab \t newline \n");
    assert_null(wn_safetensors_metadata(file, "winnow"));
    const char *key, *value;
    wn_safetensors_metadata_at(file, 2, &key, &value);
    assert_string_equal(key, "winnow.format");
    assert_string_equal(value, "1");
}

static void reads_what_the_package_wrote(void **state)
{
    (void)state;
    wn_safetensors *file = parse(golden_package, sizeof golden_package);
    assert_is_golden(file);
    for (size_t i = 0, at = sizeof golden_package - 73; i < 10; i++) {
        const wn_tensor *tensor = wn_safetensors_at(file, i);
        assert_int_equal(tensor->offset, at);
        assert_ptr_equal(tensor->data, golden_package + at);
        at += tensor->bytes;
    }
    wn_safetensors_free(file);
}

/* Everything of `file`, in the order f64, i64, f32 ... of the golden file. */
static wn_writer *copy_to_writer(const wn_safetensors *file)
{
    static const char *order[] = {"f64", "i64", "f32", "i32", "bf16", "f16", "i16", "i8", "u8", "bool"};
    wn_writer *writer = wn_writer_create();
    assert_non_null(writer);
    wn_writer_metadata(writer, "winnow.format", "an earlier value");
    for (size_t i = wn_safetensors_metadata_count(file); i-- > 0;) {
        const char *key, *value;
        wn_safetensors_metadata_at(file, i, &key, &value);
        wn_writer_metadata(writer, key, value);
    }
    for (size_t i = 0; i < LENGTH(order); i++) {
        const wn_tensor *t = wn_safetensors_find(file, order[i]);
        wn_writer_tensor(writer, t->name, t->dtype, t->rank, t->shape, t->data);
    }
    return writer;
}

static void writes_the_golden_bytes(void **state)
{
    (void)state;
    wn_safetensors *file = parse(golden_package, sizeof golden_package);
    wn_writer *writer = copy_to_writer(file);
    void *bytes;
    size_t size;
    assert_int_equal(wn_writer_write_memory(writer, &bytes, &size, NULL), WINNOW_OK);
    assert_int_equal(size, sizeof golden_ours);
    assert_memory_equal(bytes, golden_ours, size);
    free(bytes);

    char path[] = "/tmp/winnow-test-safetensors-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    winnow_error error;
    if (wn_writer_write(writer, path, &error))
        fail_msg("%s", error.message);
    wn_writer_free(writer);
    wn_safetensors_free(file);
    if (wn_safetensors_read(path, &file, &error))
        fail_msg("%s", error.message);
    assert_is_golden(file);
    assert_int_equal(wn_safetensors_at(file, 0)->offset % 64, 0);
    wn_safetensors_free(file);
    remove(path);
}

static void an_empty_file_is_a_file(void **state)
{
    (void)state;
    wn_writer *writer = wn_writer_create();
    void *bytes;
    size_t size;
    assert_int_equal(wn_writer_write_memory(writer, &bytes, &size, NULL), WINNOW_OK);
    assert_int_equal(size, 64);
    wn_safetensors *file = parse(bytes, size);
    assert_int_equal(wn_safetensors_count(file), 0);
    assert_null(wn_safetensors_find(file, ""));
    assert_null(wn_safetensors_metadata(file, ""));
    wn_safetensors_free(file);
    wn_writer_free(writer);
    free(bytes);
}

/* Puts a header and `data` zero bytes together; '@' in the header marks *where and is left out. */
static char *assemble(const char *header, size_t data, size_t *size, int64_t *where)
{
    const char *mark = strchr(header, '@');
    const uint64_t length = strlen(header) - (mark != NULL);
    char *bytes = calloc(1, 8 + length + data);
    memcpy(bytes, &length, 8);
    char *out = bytes + 8;
    for (const char *c = header; *c; c++)
        if (c != mark)
            *out++ = *c;
    *where = mark ? 8 + (mark - header) : -1;
    *size = 8 + length + data;
    return bytes;
}

static void refusals_name_the_byte(void **state)
{
    (void)state;
#define A "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
    static const struct {
        const char *header; /* '@' where the fault is */
        size_t data;
        const char *message;
    } cases[] = {
        {"@", 0, "a safetensors header starts with '{'"},
        {"@ {}", 0, "a safetensors header starts with '{'"},
        {"@[]", 0, "a safetensors header starts with '{'"},
        {"{@", 0, "expected a tensor name"},
        {"{@,}", 0, "expected a tensor name"},
        {"{\"a\"@", 0, "expected ':' after a tensor name"},
        {"{\"a\":@7}", 0, "expected '{' before a tensor"},
        {A "@", 2, "expected '}' at the end of the header"},
        {A ",@}", 2, "expected a tensor name"},
        {A "}@x", 2, "unexpected bytes after the header"},
        {A "} @}", 2, "unexpected bytes after the header"},
        /* strings */
        {"{@\"a", 0, "the string that starts here never ends"},
        {"{\"@\xff\":0}", 0, "a string is not valid UTF-8"},
        {"{\"@\xc3", 0, "a string is not valid UTF-8"},
        {"{\"a@\n\":0}", 0, "control character in a string"},
        {"{\"@\\x\":0}", 0, "unknown escape in a string"},
        {"{\"@\\", 0, "unknown escape in a string"},
        {"{\"@\\u12g4\":0}", 0, "\\u needs four hexadecimal digits"},
        {"{\"@\\u123", 0, "\\u needs four hexadecimal digits"},
        {"{\"@\\u0000\":0}", 0, "a string holds U+0000"},
        {"{\"@\\ud800\":0}", 0, "half of a surrogate pair"},
        {"{\"@\\udc00\":0}", 0, "half of a surrogate pair"},
        {"{\"@\\ud800\\u0041\":0}", 0, "half of a surrogate pair"},
        {"{\"@\\ud800\\ux\":0}", 0, "half of a surrogate pair"},
        /* one tensor */
        {"{\"a\":@{}}", 0, "a tensor needs dtype, shape and data_offsets"},
        {"{\"a\":@{\"dtype\":\"U8\",\"shape\":[2]}}", 2, "a tensor needs dtype, shape and data_offsets"},
        {"{\"a\":{@\"type\":\"U8\"}}", 0, "a tensor has no such key"},
        {"{\"a\":{@7", 0, "expected a key of a tensor"},
        {"{\"a\":{\"dtype\"@}}", 0, "expected ':' after a key"},
        {"{\"a\":{\"dtype\":\"U8\",@\"dtype\":\"U8\"}}", 0, "this key stands twice"},
        {"{\"a\":{\"dtype\":@8}}", 0, "expected a dtype"},
        {"{\"a\":{\"shape\":@2}}", 0, "expected '[' before a shape"},
        {"{\"a\":{\"shape\":[@-1]}}", 0, "expected a dimension"},
        {"{\"a\":{\"shape\":[@01]}}", 0, "this number starts with 0"},
        {"{\"a\":{\"shape\":[1@.5]}}", 0, "expected ']' after a shape"},
        {"{\"a\":{\"shape\":[1@e5]}}", 0, "expected ']' after a shape"},
        {"{\"a\":{\"shape\":[1,@]}}", 0, "expected a dimension"},
        {"{\"a\":{\"shape\":[@9223372036854775808]}}", 0, "this number is above 2^63 - 1"},
        {"{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,@1]}}", 0, "a shape has more than 8 dimensions"},
        {"{\"a\":{\"data_offsets\":@\"x\"}}", 0, "expected '[' before data_offsets"},
        {"{\"a\":{\"data_offsets\":[@\"x\"}}", 0, "expected an offset"},
        {"{\"a\":{\"data_offsets\":[0@]}}", 0, "expected ',' between two offsets"},
        {"{\"a\":{\"data_offsets\":[0,@]}}", 0, "expected an offset"},
        {"{\"a\":{\"data_offsets\":[0,0@,0]}}", 0, "expected ']' after data_offsets"},
        {"{\"a\":{\"shape\":[]@]}}", 0, "expected '}' after a tensor"},
        {"{@\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,2],\"data_offsets\":[0,0]}}", 0,
         "the shape of this tensor overflows"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":@[0,7]}}", 7,
         "data_offsets do not match dtype and shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":@[8,0]}}", 8,
         "data_offsets do not match dtype and shape"},
        /* all of them */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":@[0,2]}}", 1,
         "this tensor ends beyond the end of the file"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":@[1,3]}}", 3,
         "there is a hole before this tensor"},
        {A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":@[1,3]}}", 3,
         "this tensor overlaps another"},
        {A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":@[0,2]}}", 2,
         "this tensor overlaps another"},
        {A ",@\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4,
         "a tensor of this name stands before"},
        {"{}  @", 1, "the file goes on after the last tensor"},
        /* metadata */
        {"{\"__metadata__\":@7}", 0, "expected '{' before __metadata__"},
        {"{\"__metadata__\":{@7}}", 0, "expected a metadata key"},
        {"{\"__metadata__\":{\"k\"@}}", 0, "expected ':' after a metadata key"},
        {"{\"__metadata__\":{\"k\":@7}}", 0, "expected a metadata value (a string)"},
        {"{\"__metadata__\":{\"k\":\"\"@]}", 0, "expected '}' after __metadata__"},
        {"{\"__metadata__\":{\"k\":\"\",@\"k\":\"\"}}", 0, "this metadata key stands before"},
        {"{\"__metadata__\":{},@\"__metadata__\":{}}", 0, "__metadata__ stands twice"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        size_t size;
        int64_t where;
        char expected[200];
        char *bytes = assemble(cases[i].header, cases[i].data, &size, &where);
        wn_safetensors *file;
        winnow_error error;
        if (!wn_safetensors_parse(bytes, size, &file, &error))
            fail_msg("%s was read", cases[i].header);
        snprintf(expected, sizeof expected, "byte %d: %s", (int)where, cases[i].message);
        assert_string_equal(error.message, expected);
        assert_int_equal(error.code, WINNOW_ERROR_FORMAT);
        assert_int_equal(error.where, where);
        free(bytes);
    }
}

static void an_unknown_dtype_is_unsupported(void **state)
{
    (void)state;
    size_t size;
    int64_t where;
    char *bytes = assemble("{\"a\":{\"dtype\":@\"F8_E4M3\"}}", 0, &size, &where);
    wn_safetensors *file;
    winnow_error error;
    assert_int_equal(wn_safetensors_parse(bytes, size, &file, &error), WINNOW_ERROR_UNSUPPORTED);
    assert_string_equal(error.message, "byte 22: dtype 'F8_E4M3' is not supported");
    assert_int_equal(error.where, where);
    free(bytes);
}

static void absurd_lengths(void **state)
{
    (void)state;
    wn_safetensors *file;
    winnow_error error;
    unsigned char bytes[16] = {0};
    memset(bytes, 0xff, 8);
    assert_int_equal(wn_safetensors_parse(bytes, 16, &file, &error), WINNOW_ERROR_FORMAT);
    assert_string_equal(error.message, "byte 0: not a safetensors file, as gates and backbones are");
    const uint64_t most = 100000000;
    memcpy(bytes, &most, 8);
    assert_int_equal(wn_safetensors_parse(bytes, 16, &file, &error), WINNOW_ERROR_FORMAT);
    assert_string_equal(error.message, "byte 16: the file ends in its header");
    assert_int_equal(wn_safetensors_parse(bytes, 7, &file, &error), WINNOW_ERROR_FORMAT);
    assert_string_equal(error.message, "byte 7: the file ends before the length of its header");
    assert_int_equal(wn_safetensors_read("/nonexistent", &file, &error), WINNOW_ERROR_IO);
    assert_string_equal(error.message, "/nonexistent: cannot read: No such file or directory");
    assert_int_equal(wn_safetensors_read("/dev/null", &file, &error), WINNOW_ERROR_IO);
}

/* Copies the bytes to the end of a block, so that a sanitizer sees any access beyond them. */
static void truncation_at_every_byte_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof golden_package; size++) {
        unsigned char *bytes = malloc(size + 1);
        memcpy(bytes + 1, golden_package, size);
        wn_safetensors *file;
        winnow_error error = {0};
        if (wn_safetensors_parse(bytes + 1, size, &file, &error) != WINNOW_ERROR_FORMAT)
            fail_msg("truncated at %zu: status %d", size, error.code);
        assert_in_range(error.where, 0, sizeof golden_package);
        free(bytes);
    }
}

/* Any one byte may be changed to any other: the file is read or refused, and what is read is in bounds. */
static void changed_bytes_are_read_or_refused(void **state)
{
    (void)state;
    unsigned char *bytes = malloc(sizeof golden_ours);
    size_t readable = 0;
    for (size_t i = 0; i < sizeof golden_ours; i++)
        for (int value = 0; value < 256; value += 5) {
            memcpy(bytes, golden_ours, sizeof golden_ours);
            bytes[i] = (unsigned char)value;
            wn_safetensors *file;
            if (wn_safetensors_parse(bytes, sizeof golden_ours, &file, NULL))
                continue;
            readable++;
            for (size_t k = 0; k < wn_safetensors_count(file); k++) {
                const wn_tensor *t = wn_safetensors_at(file, k);
                assert_true((const unsigned char *)t->data >= bytes);
                assert_true((const unsigned char *)t->data + t->bytes <= bytes + sizeof golden_ours);
                assert_ptr_equal(wn_safetensors_find(file, t->name), t);
            }
            wn_safetensors_free(file);
        }
    assert_true(readable > 73 * 52); /* the data bytes at least */
    free(bytes);
}

static void floats_are_checked(void **state)
{
    (void)state;
    const uint64_t shape[1] = {3};
    const float bad[3] = {1, NAN, 2};
    const double large[3] = {1, 2, 1e39};
    const uint16_t halves[3] = {0x3c00, 0, 0x7c00};
    wn_writer *writer = wn_writer_create();
    wn_writer_tensor(writer, "nan", WN_F32, 1, shape, bad);
    wn_writer_tensor(writer, "large", WN_F64, 1, shape, large);
    wn_writer_tensor(writer, "infinite", WN_F16, 1, shape, halves);
    wn_writer_tensor(writer, "bytes", WN_U8, 1, shape, bad);
    void *bytes;
    size_t size;
    float out[3];
    winnow_error error;
    assert_int_equal(wn_writer_write_memory(writer, &bytes, &size, NULL), WINNOW_OK);
    wn_safetensors *file = parse(bytes, size);
    const struct {
        const char *name;
        size_t count;
        int64_t where;
        const char *message;
    } cases[] = {
        {"none", 3, -1, "there is no tensor 'none'"},
        {"nan", 3, 4, "byte %d: tensor 'nan' holds a number that is not finite in float32"},
        {"large", 3, 12 + 16, "byte %d: tensor 'large' holds a number that is not finite in float32"},
        {"infinite", 3, 36 + 4, "byte %d: tensor 'infinite' holds a number that is not finite in float32"},
        {"bytes", 3, 42, "byte %d: tensor 'bytes' is U8, not floating point"},
        {"nan", 4, 0, "byte %d: tensor 'nan' has 3 numbers where 4 are expected"},
    };
    const int64_t data = (int64_t)wn_safetensors_at(file, 0)->offset;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char expected[200];
        const int64_t where = cases[i].where < 0 ? -1 : data + cases[i].where;
        assert_int_equal(wn_safetensors_floats(file, cases[i].name, cases[i].count, out, &error),
                         WINNOW_ERROR_FORMAT);
        snprintf(expected, sizeof expected, cases[i].message, (int)where);
        assert_string_equal(error.message, expected);
        assert_int_equal(error.where, where);
    }
    wn_safetensors_free(file);
    wn_writer_free(writer);
    free(bytes);
}

/* Every half and every bfloat16 against its definition. */
static void sixteen_bits_are_converted_exactly(void **state)
{
    (void)state;
    enum { COUNT = 0x7c00 };
    static uint16_t bits[COUNT];
    static float values[COUNT];
    for (int i = 0; i < COUNT; i++)
        bits[i] = (uint16_t)i;
    const uint64_t shape[1] = {COUNT};
    wn_writer *writer = wn_writer_create();
    wn_writer_tensor(writer, "half", WN_F16, 1, shape, bits);
    wn_writer_tensor(writer, "brain", WN_BF16, 1, shape, bits);
    void *bytes;
    size_t size;
    assert_int_equal(wn_writer_write_memory(writer, &bytes, &size, NULL), WINNOW_OK);
    wn_safetensors *file = parse(bytes, size);
    assert_int_equal(wn_safetensors_floats(file, "half", COUNT, values, NULL), WINNOW_OK);
    for (int i = 0; i < COUNT; i++) {
        const int exponent = i >> 10;
        assert_true(values[i] ==
                    (float)ldexp(exponent ? i % 1024 / 1024.0 + 1 : i % 1024 / 512.0, exponent - 15));
    }
    assert_int_equal(wn_safetensors_floats(file, "brain", COUNT, values, NULL), WINNOW_OK);
    for (int i = 0; i < COUNT; i++) {
        const int exponent = i >> 7;
        assert_true(values[i] ==
                    (float)ldexp(exponent ? i % 128 / 128.0 + 1 : i % 128 / 64.0, exponent - 127));
    }
    wn_safetensors_free(file);
    wn_writer_free(writer);
    free(bytes);
}

static void the_writer_remembers_mistakes(void **state)
{
    (void)state;
    const uint64_t one[WN_MAX_RANK + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, large[2] = {1ull << 62, 4};
    const struct {
        const char *name;
        int rank;
        const uint64_t *shape;
        const char *message;
    } cases[] = {
        {"a", 1, one, "x: tensor 'a' is given twice"},
        {"__metadata__", 1, one, "x: tensor '__metadata__' has a reserved name"},
        {"b", 9, one, "x: tensor 'b' has more than 8 dimensions"},
        {"b", 2, large, "x: tensor 'b' is too large"},
        {"\xff", 1, one, "x: tensor '?' has a name that is not UTF-8"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_writer *writer = wn_writer_create();
        winnow_error error;
        wn_writer_tensor(writer, "a", WN_U8, 1, one, "");
        wn_writer_tensor(writer, cases[i].name, WN_U8, cases[i].rank, cases[i].shape, "");
        wn_writer_tensor(writer, "later", WN_U8, 1, one, "");
        wn_writer_metadata(writer, "later", "");
        assert_int_equal(wn_writer_write(writer, "x", &error), WINNOW_ERROR_ARGUMENT);
        assert_string_equal(error.message, cases[i].message);
        wn_writer_free(writer);
    }
    wn_writer *writer = wn_writer_create();
    winnow_error error;
    wn_writer_metadata(writer, "k\x80", "");
    assert_int_equal(wn_writer_write(writer, "x", &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "x: metadata key 'k?' is not UTF-8");
    wn_writer_free(writer);
}

static void metadata_of_any_bytes_stays_readable(void **state)
{
    (void)state;
    wn_writer *writer = wn_writer_create();
    wn_writer_metadata(writer, "path", "photo \xff\x01.jpg");
    void *bytes;
    size_t size;
    assert_int_equal(wn_writer_write_memory(writer, &bytes, &size, NULL), WINNOW_OK);
    wn_safetensors *file = parse(bytes, size);
    assert_string_equal(wn_safetensors_metadata(file, "path"), "photo \ufffd\x01.jpg");
    wn_safetensors_free(file);
    wn_writer_free(writer);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_package_wrote),
        cmocka_unit_test(writes_the_golden_bytes),
        cmocka_unit_test(an_empty_file_is_a_file),
        cmocka_unit_test(refusals_name_the_byte),
        cmocka_unit_test(an_unknown_dtype_is_unsupported),
        cmocka_unit_test(absurd_lengths),
        cmocka_unit_test(truncation_at_every_byte_is_refused),
        cmocka_unit_test(changed_bytes_are_read_or_refused),
        cmocka_unit_test(floats_are_checked),
        cmocka_unit_test(sixteen_bits_are_converted_exactly),
        cmocka_unit_test(the_writer_remembers_mistakes),
        cmocka_unit_test(metadata_of_any_bytes_stays_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
