// SPDX-License-Identifier: Apache-2.0
// Scores pictures with an exported C file; cli/runner.h says how it talks. Compiled by `winnow verify` with
// GATE (the name that its functions start with), HEADER and WEIGHTS_FILE (paths) defined. usage: program
#include HEADER
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PASTE(a, b)  a##_##b
#define EXPAND(a, b) PASTE(a, b)
#define NAMED(what)  EXPAND(GATE, what)

#if NAMED(WEIGHTS)
#define SCORE(...) NAMED(score)(weights, __VA_ARGS__)
#else
#define SCORE(...) NAMED(score)(__VA_ARGS__)
#endif

int main(void)
{
    void *scratch = malloc(NAMED(SCRATCH));
#if NAMED(WEIGHTS)
    void *weights = malloc(NAMED(WEIGHTS));
    FILE *file = fopen(WEIGHTS_FILE, "rb");
    if (!weights || !file || fread(weights, 1, NAMED(WEIGHTS), file) != NAMED(WEIGHTS) || fgetc(file) != EOF)
        return 2;
#endif
    int32_t head[3];
    if (!scratch)
        return 2;
    puts("ready 0");
    fflush(stdout);
    while (fread(head, sizeof head, 1, stdin) == 1) {
        const size_t bytes = (size_t)head[0] * (size_t)head[1] * 3;
        unsigned char *rgb = malloc(bytes);
        NAMED(result) result;
        if (!rgb || fread(rgb, 1, bytes, stdin) != bytes ||
            SCORE(rgb, head[0], head[1], 3l * head[0], scratch, &result))
            return 2;
        printf("%.9g %.9g %d %d", (double)result.similarity, (double)result.p_value, result.verdict == 0,
               NAMED(CLASSES));
#if NAMED(CLASSES)
        for (int i = 0; i < NAMED(CLASSES); i++)
            printf(" %.9g", (double)result.class_probability[i]);
#endif
        puts(" 0"); // no embedding
        fflush(stdout);
        free(rgb);
    }
    return 0;
}
