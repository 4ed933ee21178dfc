/* SPDX-License-Identifier: Apache-2.0
 *
 * A contact sheet of augmented photos: each row is a photo as the gate would see it, then versions of it as
 * the training would. What cannot be told from a photo of the same subject is fine; anything else is a fault.
 */
#include "codec/codec.h"
#include "output.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "synth.h"
#include "train/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TILE = 128, GAP = 4, COLUMNS = 8, MOST_ROWS = 12, STEP = TILE + GAP };
enum { SHEET_WIDTH = COLUMNS * STEP + GAP };

typedef struct sheet {
    wn_augment_options options;
    uint64_t seed;
    uint8_t *rgb; /* SHEET_WIDTH x (MOST_ROWS * STEP + GAP) */
    int rows;
} sheet;

static void place_tile(const sheet *s, int column, const uint8_t *tile)
{
    for (int y = 0; y < TILE; y++) {
        size_t row = (size_t)(GAP + s->rows * STEP + y);
        memcpy(s->rgb + (row * SHEET_WIDTH + (size_t)(GAP + column * STEP)) * 3, tile + y * TILE * 3,
               TILE * 3);
    }
}

static winnow_status add_row(sheet *s, const char *path, winnow_error *error)
{
    static uint8_t tile[TILE * TILE * 3];
    const wn_augment_options plain = {WN_AUGMENT_NONE, s->options.preprocess};
    codec_picture photo;
    winnow_status status = codec_decode_file(path, TILE, &photo, error);
    if (status)
        return status;
    size_t need = wn_augment_scratch(&s->options, photo.width, photo.height);
    size_t need_plain = wn_augment_scratch(&plain, photo.width, photo.height);
    need = need > need_plain ? need : need_plain;
    void *scratch = aligned_alloc(64, (need + 63) / 64 * 64);
    for (int column = 0; column < COLUMNS && scratch; column++) {
        wn_augment(column ? &s->options : &plain, photo.rgb, photo.width, photo.height,
                   s->seed + (uint64_t)(s->rows * COLUMNS + column), tile, scratch);
        place_tile(s, column, tile);
    }
    free(scratch);
    codec_picture_free(&photo);
    if (!scratch)
        return wn_fail_memory(error);
    s->rows++;
    return WINNOW_OK;
}

/* Photos from all over the folder; one that cannot be read makes way for the next. */
static int add_rows(sheet *s, const wn_scan *scan)
{
    winnow_error error;
    for (size_t row = 0; row < MOST_ROWS; row++) {
        size_t first = scan->count * row / MOST_ROWS, end = scan->count * (row + 1) / MOST_ROWS;
        for (size_t i = first; i < end; i++) {
            winnow_status status = add_row(s, scan->file[i].path, &error);
            if (!status)
                break;
            if (status == WINNOW_ERROR_MEMORY)
                return output_failure(&error);
            output_warning("%s", error.message);
        }
    }
    return STATUS_DONE;
}

static int write_sheet(const sheet *s, const char *output, int quality, bool json)
{
    void *bytes;
    size_t size;
    winnow_error error;
    winnow_status status =
        codec_encode_jpeg(s->rgb, SHEET_WIDTH, s->rows * STEP + GAP, quality, &bytes, &size, &error);
    if (!status) {
        status = wn_write_file_atomic(output, bytes, size, &error);
        free(bytes);
    }
    if (status)
        return output_failure(&error);
    if (json)
        return output_json(
            json_pack("{s:s, s:i, s:i}", "sheet", output, "photos", s->rows, "versions", COLUMNS - 1));
    printf("%s: %d photo%s, as it is and in %d versions\n", output, s->rows, s->rows == 1 ? "" : "s",
           COLUMNS - 1);
    return STATUS_DONE;
}

static int fill_sheet(sheet *s, const char *path)
{
    winnow_error error;
    struct stat info;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
        return add_row(s, path, &error) ? output_failure(&error) : STATUS_DONE;
    wn_scan scan;
    int status;
    if (wn_scan_folders(&path, 1, NULL, NULL, &scan, &error))
        status = output_failure(&error);
    else
        status = add_rows(s, &scan);
    wn_scan_free(&scan);
    if (!status && !s->rows)
        status = output_usage("%s: no photo in this folder could be read", path);
    return status;
}

int synth_show_augment(const char *path, const char *output, wn_augment_kind kind,
                       const synth_options *options)
{
    static const wn_preprocess preprocess = {.size = TILE, .fit = WN_FIT_STRETCH};
    size_t size = (size_t)SHEET_WIDTH * (MOST_ROWS * STEP + GAP) * 3;
    sheet s = {.options = {kind, &preprocess}, .seed = options->seed * 1000, .rgb = malloc(size)};
    if (!s.rgb) {
        output_error("out of memory");
        return STATUS_INTERNAL;
    }
    memset(s.rgb, 255, size);
    int status = fill_sheet(&s, path);
    if (!status)
        status = write_sheet(&s, output, options->quality, options->json);
    free(s.rgb);
    return status;
}
