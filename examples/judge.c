/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest whole program around winnow: judges one picture in the PPM format.
 *
 *     cc judge.c $(pkg-config --cflags --libs winnow) -o judge && ./judge rice.safetensors photo.ppm */
#include <winnow.h>

#include <stdio.h>
#include <stdlib.h>

/* Reads a binary PPM of 8 bits a channel; NULL where it is none. The pixels are the caller's. */
static unsigned char *read_ppm(const char *path, int *width, int *height)
{
    FILE *file = fopen(path, "rb");
    unsigned char *pixels = NULL;
    if (file && fscanf(file, "P6 %5d %5d 255", width, height) == 2 && fgetc(file) != EOF && *width > 0 &&
        *height > 0) {
        size_t size = (size_t)*width * (size_t)*height * 3;
        pixels = malloc(size);
        if (pixels && fread(pixels, 1, size, file) != size) {
            free(pixels);
            pixels = NULL;
        }
    }
    if (file)
        fclose(file);
    return pixels;
}

int main(int argc, char **argv)
{
    winnow_gate *gate = NULL;
    winnow_session *session = NULL;
    winnow_result result;
    winnow_error error = {WINNOW_ERROR_ARGUMENT, -1, "usage: judge GATE PICTURE.ppm"};
    int width, height, status = 2;
    unsigned char *pixels = argc == 3 ? read_ppm(argv[2], &width, &height) : NULL;
    if (argc == 3 && !pixels)
        snprintf(error.message, sizeof error.message, "%.200s: not a PPM picture", argv[2]);
    if (pixels && !winnow_gate_open(argv[1], &gate, &error) &&
        !winnow_session_create(gate, &session, &error)) {
        winnow_image image = {.plane = {pixels}, .stride = {width * 3}, .width = width, .height = height};
        if (!winnow_score(session, &image, &result, &error)) {
            printf("%s (p = %.4f)\n", winnow_verdict_name(result.verdict), result.p_value);
            status = result.verdict == WINNOW_NORMAL ? 0 : 1;
        }
    }
    if (status == 2)
        fprintf(stderr, "%s\n", error.message);
    winnow_session_free(session);
    winnow_gate_free(gate);
    free(pixels);
    return status;
}
