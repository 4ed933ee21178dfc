/* SPDX-License-Identifier: Apache-2.0
 * Folders -> photos, groups and splits, on trees made for the purpose. */
#include "runtime/random.h"
#include "train/dataset.h"
#include "train/split.h"
#include "tree.h"

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Every line that was reported, each with a newline. */
static char told[20000];

static void tell(void *context, const char *line)
{
    (void)context;
    assert_null(strchr(line, '\n'));
    strcat(strcat(told, line), "\n");
}

static const wn_report report = {tell, NULL};
static winnow_error error;

static winnow_status try_open(const char *const *names, size_t count, double max_bad, wn_dataset **dataset)
{
    const char *folder[8];
    for (size_t i = 0; i < count; i++)
        folder[i] = *names[i] == '/' ? names[i] : tree_path(names[i]);
    wn_pool *pool = wn_pool_create(3);
    const wn_dataset_options options = {
        .name = "normal", .max_bad = max_bad, .pool = pool, .report = &report};
    told[0] = 0;
    const winnow_status status = wn_dataset_open(folder, count, &options, dataset, &error);
    wn_pool_free(pool);
    return status;
}

static wn_dataset *open_all(const char *const *names, size_t count)
{
    wn_dataset *dataset;
    if (try_open(names, count, 0.5, &dataset))
        fail_msg("%s", error.message);
    return dataset;
}

static wn_dataset *open_one(const char *name)
{
    return open_all(&name, 1);
}

static const wn_photo *find(const wn_dataset *dataset, const char *relative)
{
    for (size_t i = 0; i < dataset->count; i++)
        if (!strcmp(dataset->photo[i].path + dataset->photo[i].relative, relative))
            return &dataset->photo[i];
    fail_msg("%s is missing", relative);
    return NULL;
}

static void assert_group(const wn_dataset *dataset, const char *relative, const char *group)
{
    assert_string_equal(dataset->group.name[find(dataset, relative)->group], group);
}

static void assert_told(const char *line)
{
    if (!strstr(told, line))
        fail_msg("nobody said \"%s\" but:\n%s", line, told);
}

static int setup(void **state)
{
    (void)state;
    tree_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tree_remove();
    return 0;
}

/* ---- scanning ---- */

static void lists_photos_in_the_order_of_their_names(void **state)
{
    (void)state;
    const char *names[] = {"b/2.jpg", "a/z.jpg", "B.jpg", "a/c/1.jpg", "b/10.jpg", "c.jpg", "a/\xc3\xa4.jpg"};
    const char *sorted[] = {"B.jpg",    "a/c/1.jpg", "a/z.jpg", "a/\xc3\xa4.jpg",
                            "b/10.jpg", "b/2.jpg",   "c.jpg"};
    for (size_t i = 0; i < LENGTH(names); i++)
        tree_photo(names[i], (int)i);
    const char *hidden[] = {".DS_Store",      "a/Thumbs.db", "a/._z.jpg",
                            ".git/photo.jpg", "desktop.ini", "__MACOSX/a.jpg"};
    for (size_t i = 0; i < LENGTH(hidden); i++)
        tree_write(hidden[i], "?", 1);
    wn_dataset *dataset = open_one("");
    assert_int_equal(dataset->count, LENGTH(sorted));
    assert_int_equal(dataset->found, LENGTH(sorted));
    for (size_t i = 0; i < LENGTH(sorted); i++) {
        const wn_photo *photo = &dataset->photo[i];
        assert_string_equal(photo->path + photo->relative, sorted[i]);
        assert_int_equal(photo->width, 16);
        assert_int_equal(photo->height, 16);
    }
    assert_string_equal(told, "");
    wn_dataset_free(dataset);
}

static void reads_by_content_not_by_name(void **state)
{
    (void)state;
    tree_photo("photo.txt", 1);
    tree_photo("photo", 2);
    tree_write("notes.jpg", "shopping", 8);
    wn_dataset *dataset = open_one("");
    assert_int_equal(dataset->count, 2);
    assert_int_equal(dataset->bad, 1);
    assert_told("notes.jpg: not a photo that can be read");
    wn_dataset_free(dataset);
}

static void tells_of_everything_that_is_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "good/%d.jpg", i);
        tree_photo(name, i);
    }
    tree_photo("other/photo.jpg", 100);
    tree_write("empty.jpg", "", 0);
    tree_folder("nothing/");
    tree_write("one.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    tree_write("new\nline.jpg", "x", 1);
    assert_int_equal(symlink("nowhere", tree_path("dangling.jpg")), 0);
    assert_int_equal(symlink("..", tree_path("good/loop")), 0);
    assert_int_equal(symlink("self", tree_path("self")), 0);
    assert_int_equal(symlink("other", tree_path("zlink")), 0);
    assert_int_equal(symlink("../good/1.jpg", tree_path("other/same.jpg")), 0);
    assert_int_equal(mkfifo(tree_path("pipe.jpg"), 0600), 0);
    wn_dataset *dataset = open_one("");
    assert_told("/empty.jpg: the file is empty\n");
    assert_told("/nothing: the folder is empty\n");
    assert_told("/one.png: truncated PNG");
    assert_told("/new?line.jpg: not a photo");
    assert_told("/dangling.jpg: a link to nothing\n");
    assert_told("/good/loop: this folder was read already, by another way; left out here\n");
    assert_told("/zlink: this folder was read already");
    assert_told("/self: ");
    assert_told("/pipe.jpg: neither a file nor a folder\n");
    assert_told("normal: 1 copy of the same photo left out, e.g. ");
    assert_int_equal(dataset->count, 21);
    assert_int_equal(dataset->bad, 6); /* empty, one, new?line, dangling, self, pipe */
    assert_int_equal(dataset->copies, 1);
    assert_int_equal(dataset->found, 21 + 6 + 1);
    wn_dataset_free(dataset);
}

static void follows_links_to_folders_elsewhere(void **state)
{
    (void)state;
    tree_photo("store/a.jpg", 1);
    tree_photo("store/b.jpg", 2);
    tree_folder("photos/");
    assert_int_equal(symlink("../store", tree_path("photos/linked")), 0);
    wn_dataset *dataset = open_one("photos");
    assert_int_equal(dataset->count, 2);
    find(dataset, "linked/a.jpg");
    wn_dataset_free(dataset);
}

static void reads_headers_behind_much_else(void **state)
{
    (void)state;
    enum { SEGMENT = 0xff00 };
    uint8_t *segments = calloc(6, SEGMENT);
    for (int i = 0; i < 6; i++) /* 390,000 bytes of application data */
        memcpy(segments + i * SEGMENT, "\xff\xe7\xfe\xfe", 4);
    tree_photo_with("deep.jpg", 1, segments, 6 * SEGMENT);
    free(segments);
    wn_dataset *dataset = open_one("");
    assert_int_equal(dataset->count, 1);
    assert_int_equal(dataset->photo[0].width, 16);
    wn_dataset_free(dataset);
}

static void counts_the_bad_against_max_bad(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 19; i++) {
        snprintf(name, sizeof name, "%02d.jpg", i);
        tree_photo(name, i);
    }
    tree_write("bad1.jpg", "x", 1);
    const char *folder = "";
    wn_dataset *dataset;
    assert_int_equal(try_open(&folder, 1, 0.05, &dataset), WINNOW_OK); /* one in twenty is just allowed */
    wn_dataset_free(dataset);
    tree_write("bad2.jpg", "x", 1);
    assert_int_equal(try_open(&folder, 1, 0.05, &dataset), WINNOW_ERROR_DATA);
    assert_null(dataset);
    assert_string_equal(error.message,
                        "normal: 2 of 21 files cannot be used, more than --max-bad allows (5%); "
                        "mend or remove them");
    assert_int_equal(try_open(&folder, 1, 0.1, &dataset), WINNOW_OK);
    wn_dataset_free(dataset);
}

static void refuses_folders_that_cannot_be(void **state)
{
    (void)state;
    tree_photo("good/sub/photo.jpg", 1);
    tree_folder("empty/");
    tree_write("words/note.txt", "x", 1);
    tree_write("hidden/.photo.jpg", "x", 1);
    static const struct {
        const char *folder[2];
        winnow_status status;
        const char *message;
    } cases[] = {
        {{"good", "missing"}, WINNOW_ERROR_IO, "/missing: there is no such folder"},
        {{"good", "words/note.txt"}, WINNOW_ERROR_IO, "/words/note.txt: is not a folder"},
        {{"good", "empty"}, WINNOW_ERROR_DATA, "/empty: there are no photos in this folder"},
        {{"good", "hidden"}, WINNOW_ERROR_DATA, "/hidden: there are no photos in this folder"},
        {{"good", "words"}, WINNOW_ERROR_DATA, "normal: 1 of 2 files cannot be used"},
        {{"good", "good"}, WINNOW_ERROR_ARGUMENT, "/good: the folder is given twice"},
        {{"good", "good/sub"}, WINNOW_ERROR_ARGUMENT, "/good/sub: the folder is given twice, or lies within"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        wn_dataset *dataset;
        assert_int_equal(try_open(cases[i].folder, 2, 0.05, &dataset), cases[i].status);
        if (!strstr(error.message, cases[i].message))
            fail_msg("said: %s", error.message);
        assert_null(dataset);
    }
}

static void tells_of_what_it_may_not_read(void **state)
{
    (void)state;
    const bool root = geteuid() == 0;
    chmod(tree, 0755);
    for (int i = 0; i < 5; i++)
        tree_photo((const char *[]){"1.jpg", "2.jpg", "3.jpg", "locked/4.jpg", "secret.jpg"}[i], i);
    chmod(tree_path("secret.jpg"), 0);
    chmod(tree_path("locked"), 0);
    if (root && seteuid(65534))
        skip();
    wn_dataset *dataset = NULL;
    const winnow_status status = try_open((const char *[]){""}, 1, 0.5, &dataset);
    wn_dataset *locked;
    const winnow_status refused = try_open((const char *[]){"locked"}, 1, 0.5, &locked);
    if (root && seteuid(0))
        abort();
    chmod(tree_path("locked"), 0755);
    assert_int_equal(status, WINNOW_OK);
    assert_int_equal(dataset->count, 3);
    assert_int_equal(dataset->bad, 2);
    wn_dataset_free(dataset);
    assert_int_equal(refused, WINNOW_ERROR_IO);
    assert_non_null(strstr(error.message, "locked: the folder cannot be read: Permission denied"));
}

static void stops_when_asked(void **state)
{
    (void)state;
    tree_photo("photo.jpg", 1);
    const volatile sig_atomic_t stop = 1;
    const wn_dataset_options options = {.name = "normal", .stop = &stop};
    const char *folder = tree;
    wn_dataset *dataset;
    assert_int_equal(wn_dataset_open(&folder, 1, &options, &dataset, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "interrupted");
}

/* ---- groups ---- */

static void groups_by_the_subfolders_directly_below(void **state)
{
    (void)state;
    const char *names[] = {"web/blast/1.jpg", "web/spot/2.jpg", "uci/spot/3.jpg", "field/4.jpg", "5.jpg"};
    for (size_t i = 0; i < LENGTH(names); i++)
        tree_photo(names[i], (int)i);
    wn_dataset *dataset = open_one("");
    assert_group(dataset, "web/blast/1.jpg", "web");
    assert_group(dataset, "web/spot/2.jpg", "web");
    assert_group(dataset, "uci/spot/3.jpg", "uci");
    assert_group(dataset, "5.jpg", strrchr(tree, '/') + 1);
    const wn_photo *photo = find(dataset, "web/spot/2.jpg");
    assert_string_equal(dataset->source.name[photo->source], "web");
    assert_string_equal(dataset->subfolder.name[photo->subfolder], "web/spot");
    assert_string_equal(dataset->class_name.name[photo->class_name], "web");
    assert_int_equal(find(dataset, "5.jpg")->class_name, -1);
    wn_dataset_free(dataset);
}

static void groups_by_all_subfolders_where_few_are_directly_below(void **state)
{
    (void)state;
    /* "all" holds nothing but one folder, and so does "all/photos": they are passed through. */
    const char *names[] = {"all/photos/a/x/1.jpg", "all/photos/a/y/2.jpg", "all/photos/b/3.jpg"};
    for (size_t i = 0; i < LENGTH(names); i++)
        tree_photo(names[i], (int)i);
    wn_dataset *dataset = open_one("");
    assert_group(dataset, names[0], "a/x");
    assert_group(dataset, names[1], "a/y");
    assert_group(dataset, names[2], "b");
    const wn_photo *photo = find(dataset, names[1]);
    assert_string_equal(dataset->source.name[photo->source], "a");
    wn_dataset_free(dataset);
}

static void groups_by_camera(void **state)
{
    (void)state;
    tree_exif_photo("1.jpg", 1, "Field 2", "2023:05:04 03:02:01");
    tree_exif_photo("2.jpg", 2, "Phone", "2023:05:04 03:02:02");
    tree_photo("3.jpg", 3);
    tree_exif_photo("4.jpg", 4, "Phone", NULL);
    wn_dataset *dataset = open_one("");
    char name[96];
    const char *label = strrchr(tree, '/') + 1;
    assert_string_equal(dataset->camera.name[find(dataset, "1.jpg")->camera], "Field 2");
    assert_int_equal(find(dataset, "1.jpg")->taken, 1683169321);
    snprintf(name, sizeof name, "%s: Phone", label);
    assert_group(dataset, "2.jpg", name);
    assert_group(dataset, "4.jpg", name);
    snprintf(name, sizeof name, "%s: unknown camera", label);
    assert_group(dataset, "3.jpg", name);
    assert_int_equal(dataset->group.count, 3);
    assert_int_equal(dataset->source.count, 1);
    wn_dataset_free(dataset);
}

static void groups_by_bursts(void **state)
{
    (void)state;
    tree_exif_photo("rice/1.jpg", 1, "Phone", "2023:05:04 23:58:00");
    tree_exif_photo("rice/2.jpg", 2, "Phone", "2023:05:05 00:07:59");
    tree_exif_photo("rice/3.jpg", 3, "Phone",
                    "2023:05:05 00:03:00"); /* five minutes after 1: the same burst */
    tree_exif_photo("rice/4.jpg", 4, "Phone", "2023:05:05 00:13:00");
    tree_exif_photo("rice/5.jpg", 5, "Phone", "0000:00:00 00:00:00");
    wn_dataset *dataset = open_one("rice");
    assert_group(dataset, "1.jpg", "rice 2023-05-04 23:58");
    assert_group(dataset, "2.jpg", "rice 2023-05-04 23:58");
    assert_group(dataset, "3.jpg", "rice 2023-05-04 23:58");
    assert_group(dataset, "4.jpg", "rice 2023-05-05 00:13");
    assert_group(dataset, "5.jpg", "rice");
    wn_dataset_free(dataset);
}

static void names_groups_after_their_folders(void **state)
{
    (void)state;
    const char *names[] = {"rice/a/1.jpg", "rice/b/2.jpg", "maize/3.jpg", "old/rice/4.jpg"};
    for (size_t i = 0; i < LENGTH(names); i++)
        tree_photo(names[i], (int)i);
    wn_dataset *two = open_all((const char *[]){"rice/", "maize"}, 2);
    assert_group(two, "a/1.jpg", "rice/a");
    assert_group(two, "b/2.jpg", "rice/b");
    assert_group(two, "3.jpg", "maize");
    wn_dataset_free(two);
    wn_dataset *three = open_all((const char *[]){"rice", "maize", "old/rice"}, 3);
    assert_group(three, "a/1.jpg", tree_path("rice"));
    assert_group(three, "b/2.jpg", tree_path("rice"));
    assert_group(three, "4.jpg", tree_path("old/rice"));
    assert_group(three, "3.jpg", "maize");
    const wn_photo *photo = find(three, "b/2.jpg");
    assert_string_equal(three->class_name.name[photo->class_name], "b");
    wn_dataset_free(three);
}

/* ---- copies ---- */

/* A photo of 40,000 bytes, most of it after the end marker, where only the last byte is `last`. */
static void long_photo(const char *name, int seed, uint8_t last)
{
    size_t size;
    uint8_t *jpeg = tree_jpeg(seed, 16, 16, &size), *bytes = calloc(1, 40000);
    memcpy(bytes, jpeg, size);
    bytes[39999] = last;
    tree_write(name, bytes, 40000);
    free(jpeg);
    free(bytes);
}

static void counts_byte_identical_photos_once(void **state)
{
    (void)state;
    tree_photo("a.jpg", 1);
    tree_photo("b.jpg", 2);
    tree_photo("c.jpg", 1);
    tree_photo("d.jpg", 1);
    long_photo("e.jpg", 1, 5);
    long_photo("f.jpg", 1, 6); /* as long as e, and the same for its first 32 KiB */
    long_photo("g.jpg", 1, 5);
    wn_dataset *dataset = open_one("");
    assert_int_equal(dataset->count, 4);
    assert_int_equal(dataset->copies, 3);
    assert_int_equal(dataset->found, 7);
    find(dataset, "a.jpg");
    find(dataset, "b.jpg");
    find(dataset, "e.jpg");
    find(dataset, "f.jpg");
    char line[600];
    snprintf(line, sizeof line, "normal: 3 copies of the same photo left out, e.g. %s is %s\n",
             tree_path("c.jpg"), tree_path("a.jpg"));
    assert_string_equal(told, line);
    wn_dataset_free(dataset);
}

static void refuses_a_photo_on_both_sides(void **state)
{
    (void)state;
    tree_photo("a/1.jpg", 1);
    tree_photo("a/2.jpg", 2);
    long_photo("a/3.jpg", 3, 1);
    tree_photo("b/x.jpg", 4);
    long_photo("b/y.jpg", 3, 2);
    wn_dataset *a = open_one("a"), *b = open_one("b");
    assert_int_equal(wn_dataset_check_disjoint(a, "normal", b, "abnormal", &error), WINNOW_OK);
    wn_dataset_free(b);
    tree_photo("b/z.jpg", 2);
    b = open_one("b");
    assert_int_equal(wn_dataset_check_disjoint(a, "normal", b, "abnormal", &error), WINNOW_ERROR_DATA);
    char message[600];
    snprintf(message, sizeof message,
             "the same photo is in normal and in abnormal; leave one of them out: %s is %s",
             tree_path("a/2.jpg"), tree_path("b/z.jpg"));
    assert_string_equal(error.message, message);
    wn_dataset_free(b);
    long_photo("b/y.jpg", 3, 1);
    b = open_one("b");
    assert_int_equal(wn_dataset_check_disjoint(a, "normal", b, "abnormal", &error), WINNOW_ERROR_DATA);
    assert_non_null(strstr(error.message, "(and 1 more such pairs)"));
    assert_int_equal(wn_dataset_check_disjoint(a, "normal", a, "validation normal", &error),
                     WINNOW_ERROR_DATA);
    assert_non_null(
        strstr(error.message, "was given as normal and as validation normal: 3 photos would be both"));
    assert_null(strstr(error.message, ".jpg"));
    wn_dataset_free(a);
    wn_dataset_free(b);
}

static void names_the_data(void **state)
{
    (void)state;
    tree_photo("a/1.jpg", 1);
    tree_photo("a/x/2.jpg", 2);
    tree_photo("b/1.jpg", 1);
    tree_photo("b/x/2.jpg", 2);
    wn_dataset *a = open_one("a"), *b = open_one("b");
    char hash_a[33], hash_b[33];
    wn_dataset_hash(a, hash_a);
    wn_dataset_hash(b, hash_b);
    assert_int_equal(strspn(hash_a, "0123456789abcdef"), 32);
    assert_string_equal(hash_a, hash_b);
    wn_dataset_free(b);
    assert_int_equal(rename(tree_path("b/1.jpg"), tree_path("b/3.jpg")), 0);
    b = open_one("b");
    wn_dataset_hash(b, hash_b);
    assert_string_not_equal(hash_a, hash_b);
    wn_dataset_free(a);
    wn_dataset_free(b);
}

/* ---- splits ---- */

static size_t count_true(const bool *marks, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += marks[i];
    return sum;
}

static void splits_whole_groups(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "%c/%02d.jpg", 'a' + i % 6, i);
        tree_photo(name, i);
    }
    wn_dataset *dataset = open_one("");
    bool first[60], again[60], other[60];
    int different = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        size_t groups;
        assert_int_equal(wn_dataset_split(dataset, 0.3, seed, first, &groups, &error), WINNOW_OK);
        assert_int_equal(groups, 2); /* 20 of 60 are nearer to 30% than 10 */
        assert_int_equal(count_true(first, 60), 20);
        for (int i = 0; i < 60; i++)
            for (int j = 0; j < 60; j++)
                if (dataset->photo[i].group == dataset->photo[j].group)
                    assert_int_equal(first[i], first[j]);
        wn_dataset_split(dataset, 0.3, seed, again, &groups, &error);
        assert_memory_equal(first, again, sizeof first);
        wn_dataset_split(dataset, 0.3, seed + 1, other, &groups, &error);
        different += memcmp(first, other, sizeof first) != 0;
    }
    assert_true(different > 10);
    wn_dataset_free(dataset);
}

static void splits_within_groups_that_are_too_large(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 102; i++) {
        snprintf(name, sizeof name, "%s/img%d.jpg", i < 100 ? "all" : i == 100 ? "b" : "c", i);
        tree_photo(name, i);
    }
    wn_dataset *dataset = open_one("");
    bool validation[102];
    for (uint64_t seed = 0; seed < 10; seed++) {
        size_t groups;
        assert_int_equal(wn_dataset_split(dataset, 0.2, seed, validation, &groups, &error), WINNOW_OK);
        assert_int_equal(groups, 0);
        assert_in_range(count_true(validation, 102), 18, 23);
        /* Neighbours by number stay together: four stretches have at most eight ends. */
        bool by_number[100];
        int ends = 0;
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "all/img%d.jpg", i);
            by_number[i] = validation[find(dataset, name) - dataset->photo];
            ends += i > 0 && by_number[i] != by_number[i - 1];
        }
        assert_in_range(ends, 1, 8);
    }
    wn_dataset_free(dataset);
}

static void splits_few_photos(void **state)
{
    (void)state;
    tree_photo("1.jpg", 1);
    wn_dataset *one = open_one("");
    bool validation[3];
    size_t groups;
    assert_int_equal(wn_dataset_split(one, 0.2, 1, validation, &groups, &error), WINNOW_ERROR_DATA);
    wn_dataset_free(one);
    tree_photo("2.jpg", 2);
    tree_photo("3.jpg", 3);
    wn_dataset *three = open_one("");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wn_dataset_split(three, i ? 0.999 : 0.001, 1, validation, &groups, &error),
                         WINNOW_OK);
        assert_int_equal(count_true(validation, 3), i ? 2 : 1);
    }
    assert_int_equal(wn_dataset_split(three, 0, 1, validation, &groups, &error), WINNOW_ERROR_ARGUMENT);
    assert_int_equal(wn_dataset_split(three, 1, 1, validation, &groups, &error), WINNOW_ERROR_ARGUMENT);
    wn_dataset_free(three);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void neighbours_are_in_the_order_of_time_and_number(void **state)
{
    (void)state;
    static char *const names[] = {"img1.jpg", "img10.jpg", "img11.jpg", "img2.jpg", "x.jpg", "y.jpg"};
    static const size_t expected[] = {0, 3, 1, 2, 5, 4};
    wn_photo photo[6] = {0};
    size_t order[6];
    for (int i = 0; i < 6; i++)
        photo[i].path = names[i];
    photo[4].taken = 200;
    photo[5].taken = 100;
    const wn_dataset dataset = {.photo = photo, .count = 6};
    assert_true(wn_dataset_neighbours(&dataset, order));
    assert_memory_equal(order, expected, sizeof order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_photos_in_the_order_of_their_names),
        TEST(reads_by_content_not_by_name),
        TEST(tells_of_everything_that_is_left_out),
        TEST(follows_links_to_folders_elsewhere),
        TEST(reads_headers_behind_much_else),
        TEST(counts_the_bad_against_max_bad),
        TEST(refuses_folders_that_cannot_be),
        TEST(tells_of_what_it_may_not_read),
        TEST(stops_when_asked),
        TEST(groups_by_the_subfolders_directly_below),
        TEST(groups_by_all_subfolders_where_few_are_directly_below),
        TEST(groups_by_camera),
        TEST(groups_by_bursts),
        TEST(names_groups_after_their_folders),
        TEST(counts_byte_identical_photos_once),
        TEST(refuses_a_photo_on_both_sides),
        TEST(names_the_data),
        TEST(splits_whole_groups),
        TEST(splits_within_groups_that_are_too_large),
        TEST(splits_few_photos),
        TEST(neighbours_are_in_the_order_of_time_and_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
