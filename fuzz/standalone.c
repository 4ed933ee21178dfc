/* SPDX-License-Identifier: Apache-2.0
 * usage: fuzz_TARGET [--runs N] [--seed S] [--refused WORD] [--messages] [--accepted PERCENT]
 *     FILE|FOLDER ...
 *
 * Runs a target on the files, then on N inputs made from them by a few random changes: the same ones for the
 * same seed on every machine. The target must accept the files, and refuse those
 * whose path has a WORD of --refused in it. With --messages, the files are of protobuf, and changes are to
 * fields of them, but for one input in eight. Of every sixteenth changed input it tells whether the target
 * accepts it; where fewer than PERCENT are, the changes go no deeper than the first check, and it fails. It
 * follows no coverage, but needs no special compiler. With libFuzzer:
 *
 *     CC=clang meson setup build-fuzz -Dc_args=-fsanitize=fuzzer-no-link -Db_sanitize=address,undefined \
 *         -Db_lundef=false && ninja -C build-fuzz
 *     clang -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc fuzz/fuzz_TARGET.c \
 *         build-fuzz/src/runtime/libwinnow.a -lm -o build-fuzz/fuzz_TARGET
 *     build-fuzz/fuzz_TARGET fuzz/corpus/TARGET
 */
#include "fuzz.h"
#include "runtime/file.h"
#include "runtime/random.h"
#include "wire.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_INPUTS = 1000, MAX_SIZE = 1 << 20, MAX_WORDS = 8, BYTES_EVERY = 8, ASK_EVERY = 16 };

typedef struct input {
    uint8_t *bytes;
    size_t size;
    bool good; /* to be accepted */
} input;

static input corpus[MAX_INPUTS];
static size_t corpus_count;
static const char *refused[MAX_WORDS];
static size_t refused_count;
static bool messages;
static uint64_t runs, seed = 1, least; /* percent */

static bool is_good(const char *path)
{
    for (size_t i = 0; i < refused_count; i++)
        if (strstr(path, refused[i]))
            return false;
    return true;
}

static void add_file(const char *path)
{
    winnow_error error;
    void *bytes;
    if (corpus_count == MAX_INPUTS)
        return;
    input *next = &corpus[corpus_count];
    if (wn_read_file(path, MAX_SIZE, &bytes, &next->size, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(2);
    }
    next->bytes = bytes;
    next->good = is_good(path);
    if (wn_fuzz_accepts(next->bytes, next->size) != next->good) {
        fprintf(stderr, "%s is %s\n", path, next->good ? "refused" : "accepted");
        exit(1);
    }
    corpus_count++;
}

static void add_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) || !S_ISDIR(info.st_mode)) {
        add_file(path);
        return;
    }
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (*entries[i]->d_name != '.')
            add_path(name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* Replaces in[at, at + cut) by `size` bytes; buffer has room for MAX_SIZE. */
static void splice(input *in, size_t at, size_t cut, const uint8_t *bytes, size_t size)
{
    if (in->size - cut + size > MAX_SIZE)
        return;
    memmove(in->bytes + at + size, in->bytes + at + cut, in->size - at - cut);
    memcpy(in->bytes + at, bytes, size);
    in->size += size - cut;
}

static size_t below(wn_random *random, size_t count)
{
    return (size_t)wn_random_below(random, count);
}

static void change(input *in, wn_random *random)
{
    static const char *const tokens[] = {
        "0", "9223372036854775807", "-1", "\"", "\\u", "{", "}", "[", "]", ",", "\xff", "1e9", "4294967296"};
    const size_t at = below(random, in->size + 1), left = in->size - at;
    const input *other = &corpus[below(random, corpus_count)];
    const size_t from = below(random, other->size + 1);
    const size_t length = below(random, other->size - from + 1) % 64;
    const char *token = tokens[below(random, sizeof tokens / sizeof *tokens)];
    uint8_t byte = (uint8_t)wn_random_next(random);
    switch (below(random, 7)) {
    case 0: /* a bit */
        if (left)
            in->bytes[at] ^= (uint8_t)(1 << byte % 8);
        break;
    case 1: /* a byte */
        splice(in, at, left > 0, &byte, 1);
        break;
    case 2: /* cut off */
        in->size = at;
        break;
    case 3: /* leave out */
        splice(in, at, left % 16, &byte, 0);
        break;
    case 4: /* a piece of another input, inserted */
        splice(in, at, 0, other->bytes + from, length);
        break;
    case 5: /* the same, in place of what was there */
        splice(in, at, left < length ? left : length, other->bytes + from, length);
        break;
    case 6: /* something that parsers care about */
        splice(in, at, below(random, 2) && left, (const uint8_t *)token, strlen(token));
        break;
    }
}

static void change_message(input *in, wn_random *random)
{
    const input *other = &corpus[below(random, corpus_count)];
    in->size = wn_wire_change(in->bytes, in->size, MAX_SIZE, other->bytes, other->size, random);
}

/* One of the first inputs with a few changes, in *mutant, which has room for MAX_SIZE. */
static void make_mutant(input *mutant, wn_random *random)
{
    const input *base = &corpus[below(random, corpus_count)];
    const bool fields = messages && below(random, BYTES_EVERY);
    memcpy(mutant->bytes, base->bytes, base->size);
    mutant->size = base->size;
    for (size_t changes = 1 + below(random, 6); changes > 0; changes--)
        (fields ? change_message : change)(mutant, random);
}

/* Copies the input to memory of exactly its size, where a sanitizer sees every byte beyond. Where it asks,
 * true if the target accepts it. */
static bool run(const input *in, bool ask)
{
    uint8_t *exact = malloc(in->size ? in->size : 1);
    REQUIRE(exact != NULL);
    memcpy(exact, in->bytes, in->size);
    LLVMFuzzerTestOneInput(exact, in->size);
    const bool accepted = ask && wn_fuzz_accepts(exact, in->size);
    free(exact);
    return accepted;
}

/* Percent of the changed inputs that the target accepts. */
static double run_mutants(void)
{
    uint64_t asked = 0, accepted = 0;
    input mutant = {.bytes = malloc(MAX_SIZE)};
    REQUIRE(mutant.bytes != NULL);
    for (uint64_t i = 0; i < runs; i++) {
        const bool ask = i % ASK_EVERY == 0;
        wn_random random;
        wn_random_seed(&random, seed, i);
        make_mutant(&mutant, &random);
        asked += ask;
        accepted += run(&mutant, ask);
    }
    free(mutant.bytes);
    return asked ? 100.0 * (double)accepted / (double)asked : 0;
}

static void read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--runs") && i + 1 < argc)
            runs = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--refused") && i + 1 < argc && refused_count < MAX_WORDS)
            refused[refused_count++] = argv[++i];
        else if (!strcmp(argv[i], "--accepted") && i + 1 < argc)
            least = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--messages"))
            messages = true;
        else
            add_path(argv[i]);
    }
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    if (!corpus_count) {
        fprintf(stderr,
                "usage: %s [--runs N] [--seed S] [--refused WORD] [--messages] [--accepted PERCENT] "
                "FILE|FOLDER ...\n",
                argv[0]);
        return 2;
    }
    for (size_t i = 0; i < corpus_count; i++)
        run(&corpus[i], false);
    const double share = run_mutants();
    printf("%zu files and %llu changed inputs, %.1f%% accepted\n", corpus_count, (unsigned long long)runs,
           share);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i].bytes);
    return share < (double)least;
}
