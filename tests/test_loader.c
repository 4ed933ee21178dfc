/* SPDX-License-Identifier: Apache-2.0
 * The loader delivers the same bits whatever its threads and its cache do. Run it under ThreadSanitizer too.
 */
#include "train/loader.h"
#include "tree.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    SIZE = 16,
    IMAGE = SIZE * SIZE * 3,
    NORMALS = 8,
    ABNORMALS = 30,
    PHOTOS = NORMALS + ABNORMALS,
    ITEMS = 120
};

static const wn_preprocess preprocess = {
    .size = SIZE, .fit = WN_FIT_CROP, .mean = {0.5f, 0.4f, 0.3f}, .std = {0.2f, 0.3f, 0.4f}};

static char paths[PHOTOS][512];
static wn_loader_photo photo[PHOTOS];
static wn_loader_item item[ITEMS];
static winnow_error error;
static char told[20000];
static double max_bad;

static void tell(void *context, size_t index, const char *line)
{
    (void)context;
    assert_memory_equal(line, photo[index].path, strlen(photo[index].path));
    strcat(strcat(told, line + strlen(tree) + 1), "\n");
}

/* Photos of 60x44 and more, of which normals are the scarce label; items go through all, in disorder. */
static int setup(void **state)
{
    (void)state;
    tree_create();
    for (int i = 0; i < PHOTOS; i++) {
        char name[32];
        size_t size;
        snprintf(name, sizeof name, "%02d.jpg", i);
        uint8_t *bytes = tree_jpeg(i, 60 + i % 5, 44 + i % 3, &size);
        tree_write(name, bytes, size);
        free(bytes);
        snprintf(paths[i], sizeof *paths, "%s", tree_path(name));
        photo[i] = (wn_loader_photo){paths[i], i < NORMALS};
    }
    for (int i = 0; i < ITEMS; i++)
        item[i] = (wn_loader_item){i * 7 % PHOTOS, (uint64_t)i * 1000};
    told[0] = 0;
    max_bad = 0.1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_remove();
    return 0;
}

static wn_loader *create(wn_augment_kind augment, int threads, size_t cache_bytes)
{
    const wn_loader_options options = {.preprocess = &preprocess,
                                       .augment = augment,
                                       .threads = threads,
                                       .cache_bytes = cache_bytes,
                                       .max_bad = max_bad,
                                       .bad = tell};
    wn_loader *loader;
    if (wn_loader_create(&options, photo, PHOTOS, &loader, &error))
        fail_msg("%s", error.message);
    return loader;
}

/* Loads item[from..ITEMS) in batches of 7; the last is smaller. */
static winnow_status load(wn_loader *loader, int from, float *images)
{
    winnow_status status = wn_loader_begin(loader, item + from, ITEMS - from, &error);
    for (int at = from; at < ITEMS && !status; at += 7)
        status = wn_loader_next(loader, ITEMS - at < 7 ? ITEMS - at : 7, images + (size_t)at * IMAGE, &error);
    return status;
}

static float *load_new(wn_augment_kind augment, int threads, size_t cache_bytes)
{
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    wn_loader *loader = create(augment, threads, cache_bytes);
    if (load(loader, 0, images))
        fail_msg("%s", error.message);
    wn_loader_free(loader);
    return images;
}

static void remove_photos(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_int_equal(unlink(paths[i]), 0);
}

/* ---- what is delivered ---- */

static void sees_what_the_gate_will_see(void **state)
{
    (void)state;
    float *images = load_new(WN_AUGMENT_NONE, 2, 1 << 20), expected[IMAGE];
    for (int i = 0; i < ITEMS; i++) {
        codec_picture picture;
        assert_int_equal(codec_decode_file(paths[item[i].photo], SIZE, &picture, &error), WINNOW_OK);
        const winnow_image image = {.plane = {picture.rgb},
                                    .stride = {picture.width * 3},
                                    .width = picture.width,
                                    .height = picture.height};
        const size_t need = wn_preprocess_scratch(&preprocess, image.width, image.height);
        void *scratch = aligned_alloc(64, (need + 63) / 64 * 64);
        uint8_t rgb[IMAGE];
        assert_int_equal(wn_preprocess_bytes(&preprocess, &image, rgb, scratch, need, &error), WINNOW_OK);
        wn_preprocess_normalise(&preprocess, rgb, expected);
        assert_memory_equal(images + (size_t)i * IMAGE, expected, sizeof expected);
        free(scratch);
        codec_picture_free(&picture);
    }
    free(images);
}

static void delivers_the_same_whatever_happens_inside(void **state)
{
    (void)state;
    for (int augment = 0; augment < WN_AUGMENT_KINDS; augment++) {
        float *expected = load_new((wn_augment_kind)augment, 1, 0);
        static const size_t caches[] = {0, 20000, 1 << 24};
        for (int threads = 1; threads <= 4; threads++)
            for (int cache = 0; cache < 3; cache++) {
                float *images = load_new((wn_augment_kind)augment, threads, caches[cache]);
                assert_memory_equal(images, expected, ITEMS * IMAGE * sizeof *images);
                free(images);
            }
        free(expected);
    }
}

static void augments_by_the_seed(void **state)
{
    (void)state;
    item[1] = item[0];
    item[2] = (wn_loader_item){item[0].photo, item[0].seed + 1};
    float *images = load_new(WN_AUGMENT_PHONE, 2, 0);
    assert_memory_equal(images, images + IMAGE, IMAGE * sizeof *images);
    assert_memory_not_equal(images, images + 2 * IMAGE, IMAGE * sizeof *images);
    free(images);
}

static void begins_anew_at_any_place(void **state)
{
    (void)state;
    float *expected = load_new(WN_AUGMENT_LIGHT, 1, 0), *images = malloc(ITEMS * IMAGE * sizeof *images);
    wn_loader *loader = create(WN_AUGMENT_LIGHT, 3, 1 << 24);
    for (int from = 0; from < ITEMS; from += 35) {
        /* What is under way is forgotten. */
        assert_int_equal(wn_loader_begin(loader, item, ITEMS, &error), WINNOW_OK);
        assert_int_equal(wn_loader_next(loader, from % 4, images, &error), WINNOW_OK);
        assert_int_equal(load(loader, from, images), WINNOW_OK);
        assert_memory_equal(images + (size_t)from * IMAGE, expected + (size_t)from * IMAGE,
                            (size_t)(ITEMS - from) * IMAGE * sizeof *images);
    }
    assert_int_equal(wn_loader_next(loader, 1, images, &error), WINNOW_ERROR_INTERNAL);
    wn_loader_free(loader);
    free(images);
    free(expected);
}

static void ends_in_the_middle_of_work(void **state)
{
    (void)state;
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    for (int i = 0; i < 20; i++) {
        wn_loader *loader = create(WN_AUGMENT_PHONE, 1 + i % 4, 1 << 20);
        assert_int_equal(wn_loader_begin(loader, item, ITEMS, &error), WINNOW_OK);
        assert_int_equal(wn_loader_next(loader, i, images, &error), WINNOW_OK);
        wn_loader_free(loader);
    }
    wn_loader_free(NULL);
    free(images);
}

/* ---- the cache ---- */

static void reads_no_file_twice_that_it_could_keep(void **state)
{
    (void)state;
    float *images = malloc(ITEMS * IMAGE * sizeof *images), *again = malloc(ITEMS * IMAGE * sizeof *again);
    wn_loader *loader = create(WN_AUGMENT_PHONE, 2, 1 << 24);
    assert_int_equal(load(loader, 0, images), WINNOW_OK);
    remove_photos(0, PHOTOS);
    assert_int_equal(load(loader, 0, again), WINNOW_OK);
    assert_memory_equal(images, again, ITEMS * IMAGE * sizeof *images);
    wn_loader_free(loader);
    free(images);
    free(again);
}

static void keeps_room_for_the_scarce_label(void **state)
{
    (void)state;
    /* Abnormals come first, and there is room for the normals and little more: 32x43 pixels or so each. */
    for (int i = 0; i < ITEMS; i++)
        item[i].photo = i < ABNORMALS ? NORMALS + i : i % NORMALS;
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    wn_loader *loader = create(WN_AUGMENT_LIGHT, 2, (NORMALS + 5) * 32 * 47 * 3);
    assert_int_equal(load(loader, 0, images), WINNOW_OK);
    remove_photos(0, NORMALS);
    assert_int_equal(load(loader, 0, images), WINNOW_OK);
    assert_string_equal(told, "");
    remove_photos(NORMALS, PHOTOS);
    assert_int_equal(load(loader, 0, images), WINNOW_ERROR_DATA);
    wn_loader_free(loader);
    free(images);
}

/* ---- photos that cannot be read ---- */

static void replaces_bad_photos_by_the_next_of_their_kind(void **state)
{
    (void)state;
    assert_int_equal(truncate(paths[NORMALS - 1], 300), 0); /* the next normal is the first one */
    assert_int_equal(truncate(paths[20], 400), 0);
    assert_int_equal(truncate(paths[21], 400), 0);
    max_bad = 0.2; /* 3 of the first 20 */
    item[0].photo = 20;
    item[1].photo = 22;
    item[2].photo = NORMALS - 1;
    item[3].photo = 0;
    for (int threads = 1; threads <= 4; threads++) {
        told[0] = 0;
        float *images = load_new(WN_AUGMENT_NONE, threads, 0);
        assert_memory_equal(images, images + IMAGE, IMAGE * sizeof *images);
        assert_memory_equal(images + 2 * IMAGE, images + 3 * IMAGE, IMAGE * sizeof *images);
        assert_string_equal(told, "20.jpg: truncated JPEG: the data end before the picture does\n"
                                  "21.jpg: truncated JPEG: the data end before the picture does\n"
                                  "07.jpg: truncated JPEG: the data end before the picture does\n");
        free(images);
    }
}

static void tells_of_photos_that_vanish_later(void **state)
{
    (void)state;
    max_bad = 0.2;
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    for (int threads = 1; threads <= 4; threads++) {
        told[0] = 0;
        wn_loader *loader = create(WN_AUGMENT_LIGHT, threads, 0);
        assert_int_equal(load(loader, 0, images), WINNOW_OK);
        assert_string_equal(told, "");
        char away[600];
        snprintf(away, sizeof away, "%s.away", paths[12]);
        assert_int_equal(rename(paths[12], away), 0);
        assert_int_equal(load(loader, 0, images), WINNOW_OK);
        assert_int_equal(rename(away, paths[12]), 0);
        assert_non_null(strstr(told, "12.jpg: cannot read: No such file"));
        assert_ptr_equal(strchr(told, '\n') + 1, told + strlen(told)); /* once */
        wn_loader_free(loader);
    }
    free(images);
}

static void gives_up_where_too_many_are_bad(void **state)
{
    (void)state;
    for (int i = 10; i < 14; i++)
        assert_int_equal(truncate(paths[i], 100), 0); /* 4 of 38: more than a tenth */
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    char first[sizeof error.message] = "";
    for (int threads = 1; threads <= 4; threads++) {
        wn_loader *loader = create(WN_AUGMENT_NONE, threads, 1 << 20);
        assert_int_equal(load(loader, 0, images), WINNOW_ERROR_DATA);
        wn_loader_free(loader);
        if (threads == 1)
            strcpy(first, error.message);
        assert_string_equal(error.message, first);
    }
    assert_non_null(
        strstr(first, " photos cannot be read, more than --max-bad allows (10%); mend or remove"));
    free(images);
}

static void counts_what_was_bad_before(void **state)
{
    (void)state;
    assert_int_equal(truncate(paths[3], 100), 0); /* 1 of 38 */
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    for (int percent = 7; percent <= 8; percent++) {
        const wn_loader_options options = {
            .preprocess = &preprocess, .threads = 2, .max_bad = 0.1, .bad_before = percent / 100.0};
        wn_loader *loader;
        assert_int_equal(wn_loader_create(&options, photo, PHOTOS, &loader, &error), WINNOW_OK);
        assert_int_equal(load(loader, 0, images), percent == 7 ? WINNOW_OK : WINNOW_ERROR_DATA);
        wn_loader_free(loader);
    }
    free(images);
}

static void gives_up_where_a_label_is_gone(void **state)
{
    (void)state;
    remove_photos(0, NORMALS);
    float *images = malloc(ITEMS * IMAGE * sizeof *images);
    wn_loader *loader = create(WN_AUGMENT_NONE, 3, 1 << 20);
    assert_int_equal(load(loader, 0, images), WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "8 photos in a row cannot be read, "));
    assert_non_null(strstr(told, "No such file"));
    wn_loader_free(loader);
    free(images);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sees_what_the_gate_will_see),
        TEST(delivers_the_same_whatever_happens_inside),
        TEST(augments_by_the_seed),
        TEST(begins_anew_at_any_place),
        TEST(ends_in_the_middle_of_work),
        TEST(reads_no_file_twice_that_it_could_keep),
        TEST(keeps_room_for_the_scarce_label),
        TEST(replaces_bad_photos_by_the_next_of_their_kind),
        TEST(tells_of_photos_that_vanish_later),
        TEST(gives_up_where_too_many_are_bad),
        TEST(counts_what_was_bad_before),
        TEST(gives_up_where_a_label_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
