/* SPDX-License-Identifier: Apache-2.0
 * usage: native GATE   The bridge compiled for this machine: reads "width height format orientation" lines,
 * each followed by that many raw bytes, from stdin; prints a line of JSON each: what the browser must get
 * too.
 *        native        Smooths live video: reads "verdict p-value similarity seconds" lines, one a frame, and
 * prints the number of the verdict to show at each. */
#include "../src/bridge.c"

#include <inttypes.h>
#include <stdio.h>

static const size_t bytes_times_two[] = {6, 6, 8, 8, 2, 3, 3}; /* a pixel, for even sizes */

static uint64_t fnv1a(const uint8_t *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int smooth(void)
{
    winnow_stream *stream = wg_stream();
    int verdict;
    double p_value, similarity, seconds;
    while (stream && scanf("%d %lf %lf %lf", &verdict, &p_value, &similarity, &seconds) == 4) {
        if (wg_stream_update(NULL, stream, verdict, p_value, similarity, -1, 0, seconds) < 0)
            return 3;
        printf("%g\n", result[0]);
    }
    free(stream);
    return stream ? 0 : 3;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return smooth();
    winnow_gate *gate;
    winnow_session *session;
    if (argc != 2 || winnow_gate_open(argv[1], &gate, &error) ||
        winnow_session_create(gate, &session, &error)) {
        fprintf(stderr, "native: %s\n", argc == 2 ? error.message : "usage: native [GATE]");
        return 2;
    }
    int width, height, format, orientation;
    while (scanf("%d %d %d %d", &width, &height, &format, &orientation) == 4 && getchar() == '\n') {
        const size_t size = (size_t)width * (size_t)height * bytes_times_two[format] / 2;
        uint8_t *pixels = malloc(size), square[2][128 * 128 * 3];
        if (!pixels || fread(pixels, 1, size, stdin) != size ||
            wg_score(gate, session, pixels, width, height, format, orientation) < 0)
            return 3;
        printf("{\"verdict\":%g,\"pValue\":%.9g,\"similarity\":%.9g,\"gauge\":%.9g", result[RESULT_VERDICT],
               result[RESULT_P_VALUE], result[RESULT_SIMILARITY], result[RESULT_GAUGE]);
        for (int crop = 0; crop < 2; crop++) {
            if (wg_square(pixels, width, height, format, orientation, 128, crop, square[crop]) < 0)
                return 3;
            printf(",\"square%d\":\"%016" PRIx64 "\"", crop, fnv1a(square[crop], sizeof square[crop]));
        }
        puts("}");
        free(pixels);
    }
    winnow_session_free(session);
    winnow_gate_free(gate);
    return 0;
}
