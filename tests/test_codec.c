/* SPDX-License-Identifier: Apache-2.0
 * The codec against Pillow's pixels (tests/oracle/photos.py, heic.py), and against files that are cut, bent
 * or made to hurt. */
#include "codec/codec.h"
#include "runtime/file.h"
#include "runtime/random.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PHOTOS        GOLDEN "/photos/"

static void *load(const char *path, size_t *size)
{
    void *bytes;
    winnow_error error;
    if (wn_read_file(path, CODEC_MAX_FILE, &bytes, size, &error))
        fail_msg("%s", error.message);
    return bytes;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* Calls visit(path of the photo) for every photo that has its pixels beside it. */
static int each_golden(void (*visit)(const char *path))
{
    DIR *folder = opendir(PHOTOS);
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (ends_with(entry->d_name, ".ppm")) {
            char path[512];
            snprintf(path, sizeof path, PHOTOS "%.*s", (int)strlen(entry->d_name) - 4, entry->d_name);
            visit(path);
            count++;
        }
    closedir(folder);
    return count;
}

/* False where this build has no libheif. */
static bool decode_golden(const char *path, codec_picture *picture)
{
    winnow_error error;
    const winnow_status status = codec_decode_file(path, 0, picture, &error);
    if (status && ends_with(path, ".heic") && strstr(error.message, "no libheif"))
        return false;
    if (status)
        fail_msg("%s", error.message);
    return true;
}

static int allowed_difference(const char *path)
{
    if (ends_with(path, ".heic"))
        return 6; /* another version of libheif turned YUV into RGB */
    return ends_with(path, ".jpg") || ends_with(path, "lossy.webp") ? 1 : 0;
}

static void compare_golden(const char *path)
{
    char name[600];
    snprintf(name, sizeof name, "%s.ppm", path);
    size_t size;
    char *expected = load(name, &size);
    int width, height, header = 0;
    assert_int_equal(sscanf(expected, "P6 %d %d 255%n", &width, &height, &header), 2);
    header++;
    assert_int_equal(size, header + width * height * 3);

    codec_picture picture;
    if (decode_golden(path, &picture)) {
        if (picture.width != width || picture.height != height)
            fail_msg("%s: %d x %d, not %d x %d", path, picture.width, picture.height, width, height);
        assert_int_equal(picture.full_width, width);
        assert_int_equal(picture.full_height, height);
        const uint8_t *rgb = (const uint8_t *)expected + header;
        for (int i = 0; i < width * height * 3; i++)
            if (abs(picture.rgb[i] - rgb[i]) > allowed_difference(path))
                fail_msg("%s: byte %d is %d, not %d", path, i, picture.rgb[i], rgb[i]);
        codec_picture_free(&picture);
        assert_null(picture.rgb);
    }
    free(expected);
}

static void sees_the_pixels_that_pillow_sees(void **state)
{
    (void)state;
    assert_true(each_golden(compare_golden) > 80);
}

static void probes_what_is_in_the_header(void **state)
{
    (void)state;
    const char *kinds[] = {"jpg", "png", "webp"}, *formats[] = {"jpeg", "png", "webp"};
    for (int kind = 0; kind < 3; kind++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            char path[512];
            snprintf(path, sizeof path, PHOTOS "orientation%d.%s", orientation, kinds[kind]);
            size_t size;
            void *bytes = load(path, &size);
            codec_info info;
            assert_int_equal(codec_probe(bytes, size, &info, NULL), WINNOW_OK);
            assert_string_equal(info.format, formats[kind]);
            assert_int_equal(info.orientation, orientation);
            assert_int_equal(info.width, orientation < 5 ? 21 : 14);
            assert_int_equal(info.height, orientation < 5 ? 14 : 21);
            assert_string_equal(info.camera, "Acme Field 2");
            assert_int_equal(info.taken, 1683169321); /* date -ud '2023-05-04 03:02:01' +%s */
            free(bytes);
        }
    size_t size;
    void *bytes = load(PHOTOS "baseline.jpg", &size);
    codec_info info;
    assert_int_equal(codec_probe(bytes, size, &info, NULL), WINNOW_OK);
    assert_string_equal(info.camera, "");
    assert_int_equal(info.taken, 0);
    assert_int_equal(info.orientation, 1);
    free(bytes);
}

static bool same_info(const codec_info *a, const codec_info *b)
{
    return a->format == b->format && a->width == b->width && a->height == b->height &&
           a->orientation == b->orientation && a->taken == b->taken && !strcmp(a->camera, b->camera);
}

/* A header's beginning asks for more; a longer one tells the same as the whole. */
static void probe_each_prefix(const char *path)
{
    size_t size;
    uint8_t *bytes = load(path, &size);
    codec_info whole, info;
    winnow_error error;
    if (!codec_probe(bytes, size, &whole, &error)) {
        for (size_t length = 16; length < size; length++) {
            const winnow_status status = codec_probe(bytes, length, &info, &error);
            if (status)
                assert_int_equal(status, WINNOW_ERROR_FORMAT);
            else if (!strstr(path, "orientation") || !ends_with(path, ".png")) /* eXIf may come later */
                assert_true(same_info(&info, &whole));
        }
    }
    free(bytes);
}

static void probes_the_beginning_of_a_file(void **state)
{
    (void)state;
    each_golden(probe_each_prefix);
}

static void cut_everywhere(const char *path)
{
    size_t size;
    uint8_t *bytes = load(path, &size);
    for (size_t length = 0; length < size; length++) {
        /* An exact allocation shows a read past its end to the address sanitizer. */
        uint8_t *cut = malloc(length ? length : 1);
        memcpy(cut, bytes, length);
        codec_picture picture;
        winnow_error error;
        if (codec_decode(cut, length, 0, &picture, &error) == WINNOW_OK)
            fail_msg("%s cut to %zu of %zu bytes was read", path, length, size);
        assert_null(picture.rgb);
        assert_true(strlen(error.message) > 5);
        free(cut);
    }
    free(bytes);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    each_golden(cut_everywhere);
}

static void bend_bytes(const char *path)
{
    size_t size;
    uint8_t *bytes = load(path, &size);
    wn_random random;
    wn_random_seed(&random, 7, size);
    for (int i = 0; i < 60; i++) {
        uint8_t *bent = malloc(size);
        memcpy(bent, bytes, size);
        for (int k = 0; k <= i % 4; k++)
            bent[wn_random_below(&random, size)] = (uint8_t)wn_random_next(&random);
        codec_picture picture;
        winnow_error error = {0};
        if (codec_decode(bent, size, i % 2 ? 4 : 0, &picture, &error) == WINNOW_OK)
            assert_true(picture.rgb && picture.width >= 1 && picture.height >= 1);
        else
            assert_true(!picture.rgb && error.code && *error.message);
        codec_picture_free(&picture);
        free(bent);
    }
    free(bytes);
}

static void survives_damage(void **state)
{
    (void)state;
    each_golden(bend_bytes);
}

static void refuses_with_one_clear_line(void **state)
{
    (void)state;
    static const struct {
        const char *name, *message;
        winnow_status status;
    } cases[] = {
        {"empty.jpg", "the file is empty", WINNOW_ERROR_UNSUPPORTED},
        {"text.jpg", "not a photo that can be read (JPEG, PNG, WebP", WINNOW_ERROR_UNSUPPORTED},
        {"page.jpg", "looks like a web page; save it as JPEG or PNG", WINNOW_ERROR_UNSUPPORTED},
        {"pointer.jpg", "looks like a Git LFS pointer, not the file itself", WINNOW_ERROR_UNSUPPORTED},
        {"film.mp4", "looks like a film; save", WINNOW_ERROR_UNSUPPORTED},
        {"picture.gif", "looks like a GIF; save", WINNOW_ERROR_UNSUPPORTED},
        {"picture.bmp", "looks like a BMP; save", WINNOW_ERROR_UNSUPPORTED},
        {"picture.tif", "looks like a TIFF or raw camera file; save", WINNOW_ERROR_UNSUPPORTED},
        {"animation.webp", "an animation; save one picture of it", WINNOW_ERROR_UNSUPPORTED},
        {"one_pixel.jpg", "1 x 1 pixels are too few to judge (8 on the shorter side are needed)",
         WINNOW_ERROR_UNSUPPORTED},
        {"one_pixel.png", "1 x 1 pixels are too few", WINNOW_ERROR_UNSUPPORTED},
        {"seven_rows.webp", "20 x 7 pixels are too few", WINNOW_ERROR_UNSUPPORTED},
        {"30000x30000.jpg", "30000 x 30000 pixels are too many (30000 on a side and 200 million in all",
         WINNOW_ERROR_UNSUPPORTED},
        {"30000x30000.png", "30000 x 30000 pixels are too many", WINNOW_ERROR_UNSUPPORTED},
        {"30001x9.jpg", "30001 x 9 pixels are too many", WINNOW_ERROR_UNSUPPORTED},
        {"65500x65500.jpg", "65500 x 65500 pixels are too many", WINNOW_ERROR_UNSUPPORTED},
        {"bomb.jpg", "truncated JPEG: the data end before the picture does", WINNOW_ERROR_FORMAT},
        {"bomb.png", "truncated PNG: the data end before the picture does", WINNOW_ERROR_FORMAT},
        {"half.jpg", "truncated JPEG", WINNOW_ERROR_FORMAT},
        {"no_end_marker.jpg", "truncated JPEG", WINNOW_ERROR_FORMAT},
        {"damaged.png", "damaged PNG: ", WINNOW_ERROR_FORMAT},
        {"twelve_bits.jpg", "a JPEG of a kind that cannot be read: Unsupported JPEG data precision 12",
         WINNOW_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char path[512], expected[700];
        snprintf(path, sizeof path, PHOTOS "refused/%s", cases[i].name);
        snprintf(expected, sizeof expected, "%s: %s", path, cases[i].message);
        codec_picture picture;
        winnow_error error;
        assert_int_equal(codec_decode_file(path, 100, &picture, &error), cases[i].status);
        assert_int_equal(error.code, cases[i].status);
        if (strncmp(error.message, expected, strlen(expected)))
            fail_msg("said: %s", error.message);
        assert_null(picture.rgb);
    }
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/winnow-codec-XXXXXX", pipe[64];
    assert_non_null(mkdtemp(folder));
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *paths[] = {folder, pipe, "/nowhere/photo.jpg"};
    for (size_t i = 0; i < LENGTH(paths); i++) {
        codec_picture picture;
        winnow_error error;
        assert_int_equal(codec_decode_file(paths[i], 0, &picture, &error), WINNOW_ERROR_IO);
        assert_memory_equal(error.message, paths[i], strlen(paths[i]));
    }
    unlink(pipe);
    rmdir(folder);
}

enum { WIDE = 256, HIGH = 192 };

static uint8_t *gradient(void)
{
    uint8_t *rgb = malloc(WIDE * HIGH * 3);
    for (int y = 0; y < HIGH; y++)
        for (int x = 0; x < WIDE; x++) {
            uint8_t *p = rgb + (y * WIDE + x) * 3;
            p[0] = (uint8_t)x;
            p[1] = (uint8_t)y;
            p[2] = (uint8_t)(255 - x / 2 - y / 2);
        }
    return rgb;
}

static void decodes_a_jpeg_at_reduced_scale(void **state)
{
    (void)state;
    uint8_t *rgb = gradient();
    void *bytes;
    size_t size;
    assert_int_equal(codec_encode_jpeg(rgb, WIDE, HIGH, 95, &bytes, &size, NULL), WINNOW_OK);
    static const struct {
        int target, scale;
    } cases[] = {{0, 1}, {97, 1}, {49, 1}, {48, 2}, {25, 2}, {24, 4}, {13, 4}, {12, 8}, {1, 8}, {1000000, 1}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const int scale = cases[i].scale;
        codec_picture picture;
        assert_int_equal(codec_decode(bytes, size, cases[i].target, &picture, NULL), WINNOW_OK);
        assert_int_equal(picture.width, WIDE / scale);
        assert_int_equal(picture.height, HIGH / scale);
        assert_int_equal(picture.full_width, WIDE);
        assert_int_equal(picture.full_height, HIGH);
        for (int y = 0; y < picture.height; y++)
            for (int x = 0; x < picture.width; x++) {
                const uint8_t *p = picture.rgb + (y * picture.width + x) * 3;
                assert_true(abs(p[0] - (x * scale + scale / 2)) < 8);
                assert_true(abs(p[1] - (y * scale + scale / 2)) < 8);
            }
        codec_picture_free(&picture);
    }
    free(bytes);
    free(rgb);
}

static void encodes(void **state)
{
    (void)state;
    uint8_t *rgb = gradient();
    void *bytes;
    size_t size, best;
    codec_picture picture;
    assert_int_equal(codec_encode_png(rgb, WIDE, HIGH, &bytes, &size, NULL), WINNOW_OK);
    assert_int_equal(codec_decode(bytes, size, 0, &picture, NULL), WINNOW_OK);
    assert_memory_equal(picture.rgb, rgb, WIDE * HIGH * 3);
    codec_picture_free(&picture);
    free(bytes);
    assert_int_equal(codec_encode_jpeg(rgb, WIDE, HIGH, 100, &bytes, &best, NULL), WINNOW_OK);
    free(bytes);
    assert_int_equal(codec_encode_jpeg(rgb, WIDE, HIGH, 10, &bytes, &size, NULL), WINNOW_OK);
    free(bytes);
    assert_true(size * 3 < best);
    winnow_error error;
    assert_int_equal(codec_encode_jpeg(rgb, WIDE, HIGH, 0, &bytes, &size, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(codec_encode_jpeg(rgb, 70000, 1, 90, &bytes, &size, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(codec_encode_png(rgb, 0, HIGH, &bytes, &size, &error), WINNOW_ERROR_ARGUMENT);
    free(rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_the_pixels_that_pillow_sees),
        cmocka_unit_test(probes_what_is_in_the_header),
        cmocka_unit_test(probes_the_beginning_of_a_file),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(refuses_with_one_clear_line),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(decodes_a_jpeg_at_reduced_scale),
        cmocka_unit_test(encodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
