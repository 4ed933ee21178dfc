/* SPDX-License-Identifier: Apache-2.0
 * Every allocation of the loader and of the codec below it fails once. */
#include "failing.h"
#include "train/loader.h"
#include "tree.h"

enum { SIZE = 16, PHOTOS = 3 };

static char paths[PHOTOS][512];
static wn_augment_kind augment;

/* Photos that are reduced before they are kept. */
static int setup(void **state)
{
    (void)state;
    tree_create();
    for (int i = 0; i < PHOTOS; i++) {
        char name[32];
        size_t size;
        snprintf(name, sizeof name, "%d.jpg", i);
        uint8_t *bytes = tree_jpeg(i, 60 + 20 * i, 44 + 20 * i, &size);
        tree_write(name, bytes, size);
        free(bytes);
        snprintf(paths[i], sizeof *paths, "%s", tree_path(name));
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_remove();
    return 0;
}

static winnow_status load(winnow_error *error)
{
    static float images[PHOTOS * SIZE * SIZE * 3];
    const wn_preprocess preprocess = {
        .size = SIZE, .fit = WN_FIT_CROP, .mean = {0.5f, 0.4f, 0.3f}, .std = {0.2f, 0.3f, 0.4f}};
    /* one thread, so that the same allocation is the n-th in each run; room for some of the photos */
    const wn_loader_options options = {
        .preprocess = &preprocess, .augment = augment, .threads = 1, .cache_bytes = 5000, .max_bad = 0.1};
    wn_loader_photo photo[PHOTOS];
    wn_loader_item item[PHOTOS];
    for (int i = 0; i < PHOTOS; i++) {
        photo[i] = (wn_loader_photo){paths[i], i % 2};
        item[i] = (wn_loader_item){i, 7};
    }
    wn_loader *loader;
    winnow_status status = wn_loader_create(&options, photo, PHOTOS, &loader, error);
    if (status)
        return status;
    status = wn_loader_begin(loader, item, PHOTOS, error);
    if (!status)
        status = wn_loader_next(loader, PHOTOS, images, error);
    wn_loader_free(loader);
    return status;
}

static void loading_survives(void **state)
{
    (void)state;
    for (int kind = 0; kind < WN_AUGMENT_KINDS; kind++) {
        augment = (wn_augment_kind)kind;
        fail_each(load, 12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(loading_survives)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
