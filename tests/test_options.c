/* SPDX-License-Identifier: Apache-2.0
 * The option table: what is read, what is refused and in which words, and what --help says. */
#include "../cli/options.h"
#include "../cli/options_help.h"
#include "../cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct values {
    bool json;
    int count, size[2], augment;
    uint64_t seed;
    double rate, false_reject, max_bad;
    const char *output;
    option_list normal;
} values;

static values given;
static const values defaults = {.count = 10,
                                .size = {64, 64},
                                .augment = 2,
                                .seed = 1,
                                .rate = 0.1,
                                .false_reject = 0.05,
                                .max_bad = 0.05};
static const char *const augments[] = {"none", "light", "phone", NULL};
static const option_row rows[] = {
    {"json", 0, OPTION_FLAG, NULL, "one object", &given.json},
    {"count", 'n', OPTION_INTEGER, "N", "pictures", &given.count, 1, 1000},
    {"size", 0, OPTION_SIZE, "WxH", "of a picture", &given.size, 16, 4096},
    {"augment", 0, OPTION_CHOICE, NULL, "what is varied", &given.augment, .choices = augments},
    {"seed", 0, OPTION_SEED, "S", "of the random numbers", &given.seed},
    {"rate", 0, OPTION_NUMBER, "R", "learning rate", &given.rate, 0, 10, .open = true},
    {"false-reject", 0, OPTION_PERCENT, "P", "normals turned away", &given.false_reject, 0, 0.5,
     .open = true},
    {"max-bad", 0, OPTION_PERCENT, "P", "unreadable photos", &given.max_bad, 0, 1},
    {"output", 'o', OPTION_TEXT, "FILE", "where to", &given.output},
    {"normal", 0, OPTION_LIST, "FOLDER", "of photos; again for more", &given.normal},
    {0}};
static const options_usage usage = {"[options] DIR", "Tests.\nSecond line.", rows, 1, 2};

static char printed[8192];

/* Runs options_read on words (separated by single spaces; "_" is an empty word), with `stream` captured in
 * printed. */
static int read_words(const char *words, FILE *stream, char ***operands)
{
    static char text[512], *argv[32];
    static char **ignored;
    snprintf(text, sizeof text, "test %s", words);
    int argc = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "_") ? word : strchr(word, 0);
    argv[argc] = NULL;
    given = defaults;

    FILE *file = tmpfile();
    fflush(stream);
    int kept = dup(fileno(stream));
    dup2(fileno(file), fileno(stream));
    int status = options_read(&usage, argc, argv, operands ? operands : &ignored);
    fflush(stream);
    dup2(kept, fileno(stream));
    close(kept);
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = 0;
    fclose(file);
    return status;
}

static void test_values_are_read(void **state)
{
    (void)state;
    char **operands;
    assert_int_equal(
        read_words("a --json -n 7 --size 640x480 --augment none --seed 18446744073709551615 --rate 1e-3 "
                   "--false-reject 2% --max-bad=0.25 -o out --normal x --normal y b",
                   stderr, &operands),
        -1);
    assert_true(given.json);
    assert_int_equal(given.count, 7);
    assert_int_equal(given.size[0], 640);
    assert_int_equal(given.size[1], 480);
    assert_int_equal(given.augment, 0);
    assert_true(given.seed == UINT64_MAX);
    assert_true(given.rate == 1e-3);
    assert_true(given.false_reject == 0.02);
    assert_true(given.max_bad == 0.25);
    assert_string_equal(given.output, "out");
    assert_int_equal(given.normal.count, 2);
    assert_string_equal(given.normal.item[0], "x");
    assert_string_equal(given.normal.item[1], "y");
    assert_string_equal(operands[0], "a");
    assert_string_equal(operands[1], "b");
    assert_null(operands[2]);
    assert_string_equal(printed, "");
    free(given.normal.item);
}

static void test_edges_are_read(void **state)
{
    (void)state;
    char **operands;
    assert_int_equal(read_words("--size 16 --count 1000 --max-bad 0 -- --json", stderr, &operands), -1);
    assert_int_equal(given.size[0], 16);
    assert_int_equal(given.size[1], 16);
    assert_int_equal(given.count, 1000);
    assert_true(given.max_bad == 0);
    assert_false(given.json);
    assert_string_equal(operands[0], "--json");
    assert_int_equal(read_words("-", stderr, &operands), -1);
    assert_string_equal(operands[0], "-");
    assert_int_equal(given.augment, 2);
}

static void test_mistakes_get_one_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"--false-reject 120% d", "--false-reject 120%: expected more than 0% and less than 50%"},
        {"--false-reject 5 d", "--false-reject 5: expected more than 0% and less than 50%"},
        {"--false-reject 0 d", "--false-reject 0: expected more than 0% and less than 50%"},
        {"--false-reject few d", "--false-reject few: expected a share such as 5% or 0.05"},
        {"--false-reject 5%% d", "--false-reject 5%%: expected a share such as 5% or 0.05"},
        {"--max-bad -1% d", "--max-bad -1%: expected 0% to 100%"},
        {"--count 0 d", "--count 0: expected 1 to 1000"},
        {"--count 1e30 d", "--count 1e30: expected 1 to 1000"},
        {"--count 2.5 d", "--count 2.5: expected a whole number"},
        {"--count 3x d", "--count 3x: expected a whole number"},
        {"--count nan d", "--count nan: expected a whole number"},
        {"--count _ d", "--count '': expected a whole number"},
        {"--rate inf d", "--rate inf: expected a number"},
        {"--rate 10 d", "--rate 10: expected more than 0 and less than 10"},
        {"--seed -1 d", "--seed -1: expected a whole number from 0 to 18446744073709551615"},
        {"--seed 18446744073709551616 d",
         "--seed 18446744073709551616: expected a whole number from 0 to 18446744073709551615"},
        {"--size 4x4 d", "--size 4x4: expected 16 to 4096 pixels"},
        {"--size 64x d", "--size 64x: expected a size such as 640x480"},
        {"--size 64x64x64 d", "--size 64x64x64: expected a size such as 640x480"},
        {"--size -64 d", "--size -64: expected a size such as 640x480"},
        {"--augment loud d", "--augment loud: expected none, light or phone"},
        {"--output _ d", "--output: expected FILE, not an empty word"},
        {"--count", "--count: expected N"},
        {"-n", "--count: expected N"},
        {"--json=yes d", "--json takes no value"},
        {"--jsn d", "unknown option --jsn; did you mean --json?"},
        {"--false-rejects=5% d", "unknown option --false-rejects; did you mean --false-reject?"},
        {"--zzzzzz d", "unknown option --zzzzzz; `winnow test --help` lists the options"},
        {"--s d", "--s could be --size or --seed"},
        {"-x d", "unknown option -x; `winnow test --help` lists the options"},
        {"", "expected: winnow test [options] DIR"},
        {"a b c", "unexpected 'c'; expected: winnow test [options] DIR"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "winnow: error: %s\n", cases[i][1]);
        assert_int_equal(read_words(cases[i][0], stderr, NULL), STATUS_USAGE);
        assert_string_equal(printed, expected);
    }
}

static void test_help_tells_ranges_and_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_words("--help --count 0", stdout, NULL), STATUS_DONE);
    assert_string_equal(
        printed,
        "usage: winnow test [options] DIR\n\nTests.\nSecond line.\n\noptions:\n"
        "      --json                one object\n"
        "  -n, --count N             pictures (1 to 1000; default 10)\n"
        "      --size WxH            of a picture (16 to 4096 pixels; default 64x64)\n"
        "      --augment WHICH       what is varied (none, light or phone; default phone)\n"
        "      --seed S              of the random numbers (default 1)\n"
        "      --rate R              learning rate (more than 0 and less than 10; default 0.1)\n"
        "      --false-reject P      normals turned away (more than 0% and less than 50%; default 5%)\n"
        "      --max-bad P           unreadable photos (0% to 100%; default 5%)\n"
        "  -o, --output FILE         where to\n"
        "      --normal FOLDER       of photos; again for more\n"
        "  -h, --help                show this help\n");
}

static void test_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"train", "eval", "check", "info"};
    assert_string_equal(options_nearest("trian", names, 4), "train");
    assert_string_equal(options_nearest("chekc", names, 4), "check");
    assert_null(options_nearest("banana", names, 4));
    assert_null(options_nearest("", names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_read),       cmocka_unit_test(test_edges_are_read),
        cmocka_unit_test(test_mistakes_get_one_line), cmocka_unit_test(test_help_tells_ranges_and_defaults),
        cmocka_unit_test(test_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
