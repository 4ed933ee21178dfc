/* SPDX-License-Identifier: Apache-2.0
 * Whole-file reads and atomic writes, and every way in which they fail; error messages stay one clean line.
 */
#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/utf8.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mount.h>
#endif

#include <cmocka.h>

static char folder[] = "/tmp/winnow-test-file-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[2][PATH_MAX];
    static int turn;
    turn = !turn;
    snprintf(path[turn], PATH_MAX, "%s/%s", folder, name);
    return path[turn];
}

static int files_in(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(directory);
    return count;
}

static void put(const char *path, const char *text)
{
    winnow_error error;
    if (wn_write_file_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.message);
}

static void assert_holds(const char *path, const char *text)
{
    void *bytes;
    size_t size;
    winnow_error error;
    if (wn_read_file(path, 1 << 20, &bytes, &size, &error))
        fail_msg("%s", error.message);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
    free(bytes);
}

/* Fails with `end` as the end of a message that starts with the path. */
static void assert_message(const winnow_error *error, const char *path, const char *end)
{
    char expected[sizeof error->message + PATH_MAX];
    snprintf(expected, sizeof expected, "%s: %s", path, end);
    assert_string_equal(error->message, expected);
    assert_int_equal(error->code, WINNOW_ERROR_IO);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    const char *names[] = {"a", "link", "pipe", "full", "b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

static void writes_replace(void **state)
{
    (void)state;
    put(in_folder("a"), "first");
    put(in_folder("a"), "");
    assert_holds(in_folder("a"), "");
    const wn_piece pieces[] = {{"one ", 4}, {NULL, 0}, {"two", 3}};
    assert_int_equal(wn_write_pieces_atomic(in_folder("a"), pieces, 3, NULL), WINNOW_OK);
    assert_holds(in_folder("a"), "one two");
    assert_int_equal(files_in(folder), 1);
}

static void permissions_and_links_are_kept(void **state)
{
    (void)state;
    struct stat info;
    put(in_folder("a"), "old");
    assert_int_equal(chmod(in_folder("a"), 0640), 0);
    assert_int_equal(symlink("a", in_folder("link")), 0);
    put(in_folder("link"), "new");
    assert_holds(in_folder("a"), "new");
    assert_int_equal(lstat(in_folder("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(in_folder("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    remove(in_folder("link"));
}

static void writes_that_cannot_be(void **state)
{
    (void)state;
    winnow_error error;
    const char *path = in_folder("missing/a");
    assert_int_equal(wn_write_file_atomic(path, "x", 1, &error), WINNOW_ERROR_IO);
    assert_message(&error, path, "cannot write: its folder does not exist");
    assert_int_equal(wn_write_file_atomic(folder, "x", 1, &error), WINNOW_ERROR_IO);
    assert_message(&error, folder, "is a folder, not a file; nothing was changed");
    assert_int_equal(wn_write_file_atomic("/dev/null", "x", 1, &error), WINNOW_ERROR_IO);
    assert_message(&error, "/dev/null", "is not a regular file; nothing was changed");
    put(in_folder("a"), "file");
    path = in_folder("a/b");
    assert_int_equal(wn_write_file_atomic(path, "x", 1, &error), WINNOW_ERROR_IO);
    assert_message(&error, path, "cannot write: Not a directory");
}

static void reads_that_cannot_be(void **state)
{
    (void)state;
    winnow_error error;
    void *bytes;
    size_t size;
    const char *path = in_folder("none");
    assert_int_equal(wn_read_file(path, 10, &bytes, &size, &error), WINNOW_ERROR_IO);
    assert_message(&error, path, "cannot read: No such file or directory");
    assert_int_equal(wn_read_file(folder, 10, &bytes, &size, &error), WINNOW_ERROR_IO);
    assert_message(&error, folder, "is a folder, not a file");
    path = in_folder("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(wn_read_file(path, 10, &bytes, &size, &error), WINNOW_ERROR_IO);
    assert_message(&error, path, "is not a regular file");
    remove(path);
    path = in_folder("a");
    put(path, "12345678901");
    assert_int_equal(wn_read_file(path, 11, &bytes, &size, &error), WINNOW_OK);
    free(bytes);
    assert_int_equal(wn_read_file(path, 10, &bytes, &size, &error), WINNOW_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "/a: 11 bytes are more than the 10 that are allowed"));
}

static void maps_whole_files(void **state)
{
    (void)state;
    winnow_error error;
    const void *bytes;
    size_t size;
    const char *path = in_folder("mapped");
    put(path, "12345678901");
    assert_int_equal(wn_map_file(path, 11, &bytes, &size, &error), WINNOW_OK);
    assert_int_equal(size, 11);
    assert_memory_equal(bytes, "12345678901", 11);
    wn_unmap_file(bytes, size);
    assert_int_equal(wn_map_file(path, 10, &bytes, &size, &error), WINNOW_ERROR_FORMAT);
    put(path, "");
    assert_int_equal(wn_map_file(path, 10, &bytes, &size, &error), WINNOW_OK);
    assert_int_equal(size, 0);
    wn_unmap_file(bytes, size);
    remove(path);
    assert_int_equal(wn_map_file(path, 10, &bytes, &size, &error), WINNOW_ERROR_IO);
    assert_message(&error, path, "cannot read: No such file or directory");
}

/* The kernel refuses to write beyond 4096 bytes: the error comes in the middle, as with a full disk. */
static void a_write_that_breaks_off_leaves_the_old_file(void **state)
{
    (void)state;
    static char large[10000];
    winnow_error error;
    const char *path = in_folder("a");
    struct rlimit before, limit;
    put(path, "old");
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    const winnow_status status = wn_write_file_atomic(path, large, sizeof large, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, WINNOW_ERROR_IO);
    assert_message(&error, path, "cannot write: File too large");
    assert_holds(path, "old");
    assert_int_equal(files_in(folder), 1);
}

/* The second of three cannot be written: the first has not taken its place. */
static void files_take_their_places_together(void **state)
{
    (void)state;
    char path[3][PATH_MAX];
    wn_new_file files[3];
    const wn_piece new = {"new", 3};
    winnow_error error;
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], PATH_MAX, "%s", in_folder(i == 0 ? "a" : i == 1 ? "b" : "full"));
        files[i] = (wn_new_file){path[i], &new, 1};
    }
    put(path[0], "old a");
    put(path[1], "old b");
    assert_int_equal(mkdir(path[2], 0777), 0);
    for (int bad = 1; bad <= 2; bad++) {
        const wn_new_file some[] = {files[0], files[bad == 1 ? 2 : 1], files[bad == 1 ? 1 : 2]};
        assert_int_equal(wn_write_files_atomic(some, 3, &error), WINNOW_ERROR_IO);
        assert_message(&error, path[2], "is a folder, not a file; nothing was changed");
        assert_holds(path[0], "old a");
        assert_holds(path[1], "old b");
        assert_int_equal(files_in(folder), 3);
    }
    assert_int_equal(rmdir(path[2]), 0);
    assert_int_equal(wn_write_files_atomic(files, 3, &error), WINNOW_OK);
    for (int i = 0; i < 3; i++) {
        assert_holds(path[i], "new");
        assert_true(wn_same_file(path[i], path[i]) && !wn_same_file(path[i], path[(i + 1) % 3]));
        unlink(path[i]);
    }
    assert_false(wn_same_file(path[0], path[0]));
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
#ifdef __linux__
    char disk[PATH_MAX], path[PATH_MAX + 8];
    snprintf(disk, sizeof disk, "%s", in_folder("full"));
    snprintf(path, sizeof path, "%s/a", disk);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=65536")) {
        print_message("not tested: a full disk, for want of the right to mount one\n");
        skip();
    }
    char *large = calloc(1, 1 << 20);
    winnow_error error;
    put(path, "old");
    const winnow_status status = wn_write_file_atomic(path, large, 1 << 20, &error);
    const int files = files_in(disk);
    assert_holds(path, "old");
    free(large);
    umount(disk);
    assert_int_equal(files, 1);
    assert_int_equal(status, WINNOW_ERROR_IO);
    assert_message(&error, path, "cannot write: the disk is full; nothing was changed");
#else
    skip();
#endif
}

static void utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    /* Every code point survives; surrogates do not exist. */
    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4];
        const int length = wn_utf8_encode(code, bytes);
        const bool surrogate = code >= 0xd800 && code < 0xe000;
        assert_int_equal(wn_utf8_length(bytes, 4), surrogate ? 0 : length);
        assert_int_equal(wn_utf8_length(bytes, (size_t)length - 1), 0);
    }
    const char *bad[] = {"\x80",
                         "\xc0\x80",
                         "\xc1\xbf",
                         "\xe0\x9f\xbf",
                         "\xf0\x8f\xbf\xbf",
                         "\xf4\x90\x80\x80",
                         "\xf5\x80\x80\x80",
                         "\xff",
                         "\xe2\x82",
                         "\xe2\x28\xa1",
                         "\xf0\x90\x28\xbc"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(wn_utf8_length(bad[i], strlen(bad[i]) + 1), 0);
}

static void messages_are_one_clean_line(void **state)
{
    (void)state;
    winnow_error error;
    wn_fail(&error, WINNOW_ERROR_IO, 7, "%s", "a\nb\x1b[31m\xff\xc2\x9b gr\xc3\xbc\xc3\x9f");
    assert_string_equal(error.message, "a?b?[31m??? gr\xc3\xbc\xc3\x9f");
    assert_int_equal(error.where, 7);
    char long_name[1000];
    memset(long_name, 'x', sizeof long_name);
    strcpy(long_name + 510, "\xc3\xbc and more");
    wn_fail(&error, WINNOW_ERROR_IO, -1, "%s", long_name);
    assert_string_equal(error.message + 509, "x?"); /* the half of a character that fitted */
    wn_fail(&error, WINNOW_ERROR_DATA, 3, "few");
    assert_int_equal(wn_fail_prefix(&error, WINNOW_ERROR_DATA, "p"), WINNOW_ERROR_DATA);
    assert_string_equal(error.message, "p: few");
    assert_int_equal(error.where, 3);
    assert_int_equal(wn_fail_prefix(&error, WINNOW_OK, "p"), WINNOW_OK);
    assert_int_equal(wn_fail_prefix(NULL, WINNOW_ERROR_IO, "p"), WINNOW_ERROR_IO);
    assert_string_equal(error.message, "p: few");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_whole_files),
        cmocka_unit_test(writes_replace),
        cmocka_unit_test(permissions_and_links_are_kept),
        cmocka_unit_test(writes_that_cannot_be),
        cmocka_unit_test(reads_that_cannot_be),
        cmocka_unit_test(a_write_that_breaks_off_leaves_the_old_file),
        cmocka_unit_test(files_take_their_places_together),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
        cmocka_unit_test(messages_are_one_clean_line),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
