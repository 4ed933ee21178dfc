/* SPDX-License-Identifier: Apache-2.0
 * JPEG by libjpeg-turbo. Its libjpeg API rather than TurboJPEG's, which cannot tell a truncated file from one
 * with a harmless oddity: both are "a warning" there, and only the first is kept. */
#include "formats.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* More scans than any encoder writes; each costs a pass over the whole picture (libjpeg-turbo, "Two issues
 * with the JPEG standard"). */
enum { MAX_SCANS = 500 };

/* libjpeg's objects, with what its callbacks need. Errors leave by longjmp to `escape`. */
typedef struct jpeg_session {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct in;
    struct jpeg_compress_struct out;
    jmp_buf escape;
    winnow_error *error;
    winnow_status status;
    uint8_t *row;
    unsigned char *encoded;
    unsigned long encoded_size;
} jpeg_session;

/* cinfo->client_data stays with us as jpeg_create_* keep it. */
static jpeg_session *session_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static void fail(j_common_ptr cinfo)
{
    jpeg_session *s = session_of(cinfo);
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        s->status = wn_fail_memory(s->error);
        break;
    case JWRN_JPEG_EOF:
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
    case JWRN_HIT_MARKER:
        s->status = wn_fail(s->error, WINNOW_ERROR_FORMAT, -1,
                            "truncated JPEG: the data end before the picture does");
        break;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_ARITH_NOTIMPL:
    case JERR_IMAGE_TOO_BIG:
        s->status =
            wn_fail(s->error, WINNOW_ERROR_UNSUPPORTED, -1, "a JPEG of a kind that cannot be read: %s", text);
        break;
    default:
        s->status = wn_fail(s->error, WINNOW_ERROR_FORMAT, -1, "damaged JPEG: %s", text);
    }
    longjmp(s->escape, 1);
}

/* libjpeg warns and invents pixels. Whatever means that pixels are missing or wrong is an error here; stray
 * bytes between segments, unknown versions and the like are not. */
static void warn(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        fail(cinfo);
    }
}

static void stay_silent(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void count_scans(j_common_ptr cinfo)
{
    jpeg_session *s = session_of(cinfo);
    if (s->in.input_scan_number <= MAX_SCANS)
        return;
    s->status = wn_fail(s->error, WINNOW_ERROR_UNSUPPORTED, -1,
                        "a JPEG of more than %d scans was made to waste time", MAX_SCANS);
    longjmp(s->escape, 1);
}

static struct jpeg_error_mgr *session_errors(jpeg_session *s, winnow_error *error)
{
    jpeg_std_error(&s->errors);
    s->errors.error_exit = fail;
    s->errors.emit_message = warn;
    s->errors.output_message = stay_silent;
    s->error = error;
    return &s->errors;
}

static void read_markers(const struct jpeg_decompress_struct *in, codec_info *info)
{
    static const uint8_t prefix[6] = "Exif\0";
    for (const struct jpeg_marker_struct *m = in->marker_list; m; m = m->next)
        if (m->data_length > sizeof prefix && !memcmp(m->data, prefix, sizeof prefix)) {
            codec_read_exif(m->data, m->data_length, info);
            return;
        }
}

static void read_header(jpeg_session *s, const uint8_t *bytes, size_t size, codec_info *info)
{
    jpeg_save_markers(&s->in, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(&s->in, bytes, size);
    jpeg_read_header(&s->in, TRUE);
    s->status = codec_check_size(s->in.image_width, s->in.image_height, s->error);
    if (s->status)
        longjmp(s->escape, 1);
    info->width = (int)s->in.image_width;
    info->height = (int)s->in.image_height;
    read_markers(&s->in, info);
}

/* An 8x8 block of Huffman-coded coefficients takes one bit at the very least: a smaller file is cut short (or
 * a bomb), and not worth the memory that libjpeg would take for it. */
static void check_plausible(jpeg_session *s, size_t size)
{
    const uint64_t blocks = ((uint64_t)s->in.image_width * s->in.image_height) / 64;
    if (!s->in.arith_code && size < blocks / 8)
        ERREXIT(&s->in, JERR_INPUT_EOF);
}

static unsigned int choose_scale(int width, int height, int target)
{
    const int64_t shorter = width < height ? width : height;
    int scale = 1; /* a reduced side is rounded up */
    while (target > 0 && scale < 8 && (shorter + 2 * scale - 1) / (2 * scale) >= 2 * (int64_t)target)
        scale *= 2;
    return (unsigned int)scale;
}

/* Ink on white, as Pillow has it: (255 - C)(255 - K) / 255. Photoshop ("Adobe" marker) stores 255 - ink. */
static void cmyk_to_rgb(const uint8_t *in, int width, bool inverted, uint8_t *out)
{
    const unsigned flip = inverted ? 0 : 255;
    for (int x = 0; x < width; x++, in += 4, out += 3) {
        const unsigned light = in[3] ^ flip;
        for (int c = 0; c < 3; c++) {
            const unsigned product = (in[c] ^ flip) * light + 128;
            out[c] = (uint8_t)((product + (product >> 8)) >> 8);
        }
    }
}

static void read_pixels(jpeg_session *s, int target, codec_picture *picture)
{
    struct jpeg_decompress_struct *in = &s->in;
    const bool cmyk = in->num_components == 4;
    in->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    in->scale_num = 1;
    in->scale_denom = choose_scale((int)in->image_width, (int)in->image_height, target);
    jpeg_start_decompress(in);
    s->status = codec_allocate(picture, (int)in->output_width, (int)in->output_height, 3, s->error);
    if (!s->status && cmyk && !(s->row = malloc((size_t)in->output_width * 4)))
        s->status = wn_fail_memory(s->error);
    if (s->status)
        longjmp(s->escape, 1);
    while (in->output_scanline < in->output_height) {
        uint8_t *rgb = picture->rgb + (size_t)in->output_scanline * in->output_width * 3;
        JSAMPROW row = cmyk ? s->row : rgb;
        jpeg_read_scanlines(in, &row, 1);
        if (cmyk)
            cmyk_to_rgb(row, picture->width, in->saw_Adobe_marker, rgb);
    }
    jpeg_finish_decompress(in); /* reads on to the end marker */
}

/* setjmp stands in functions of their own: what they change lives in their callers, and outlives a longjmp.
 */
static void decode(jpeg_session *s, const uint8_t *bytes, size_t size, int target, codec_info *info,
                   codec_picture *picture)
{
    if (setjmp(s->escape))
        return;
    jpeg_create_decompress(&s->in);
    s->in.progress = &s->progress;
    read_header(s, bytes, size, info);
    if (picture) {
        check_plausible(s, size);
        read_pixels(s, target, picture);
    }
}

winnow_status codec_read_jpeg(const uint8_t *bytes, size_t size, int target, codec_info *info,
                              codec_picture *picture, winnow_error *error)
{
    jpeg_session s = {.progress.progress_monitor = count_scans};
    s.in.err = session_errors(&s, error);
    s.in.client_data = &s;
    decode(&s, bytes, size, target, info, picture);
    jpeg_destroy_decompress(&s.in);
    free(s.row);
    return s.status;
}

static void encode(jpeg_session *s, const uint8_t *rgb, int width, int height, int quality)
{
    struct jpeg_compress_struct *out = &s->out;
    if (setjmp(s->escape))
        return;
    jpeg_create_compress(out);
    jpeg_mem_dest(out, &s->encoded, &s->encoded_size);
    out->image_width = (JDIMENSION)width;
    out->image_height = (JDIMENSION)height;
    out->input_components = 3;
    out->in_color_space = JCS_RGB;
    jpeg_set_defaults(out);
    jpeg_set_quality(out, quality, TRUE);
    jpeg_start_compress(out, TRUE);
    while (out->next_scanline < out->image_height) {
        JSAMPROW row = (JSAMPROW)(rgb + (size_t)out->next_scanline * (size_t)width * 3);
        jpeg_write_scanlines(out, &row, 1);
    }
    jpeg_finish_compress(out);
}

winnow_status codec_encode_jpeg(const uint8_t *rgb, int width, int height, int quality, void **bytes,
                                size_t *size, winnow_error *error)
{
    if (width < 1 || height < 1 || width > JPEG_MAX_DIMENSION || height > JPEG_MAX_DIMENSION || quality < 1 ||
        quality > 100)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "no JPEG of %d x %d pixels at quality %d", width,
                       height, quality);
    jpeg_session s = {0};
    s.out.err = session_errors(&s, error);
    s.out.client_data = &s;
    encode(&s, rgb, width, height, quality);
    jpeg_destroy_compress(&s.out);
    if (s.status) {
        free(s.encoded);
        return s.status;
    }
    *bytes = s.encoded;
    *size = s.encoded_size;
    return WINNOW_OK;
}
