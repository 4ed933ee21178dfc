/* SPDX-License-Identifier: Apache-2.0
 * Preprocessing against Pillow and OpenCV (tests/oracle/preprocess.py), and what must hold of any picture:
 * turning before is turning after, formats agree, instruction sets agree, and no byte outside is touched
 * (sanitizers see it: pictures and scratch are allocated to the byte). */
#include "golden/preprocess.h"
#include "runtime/cpu.h"
#include "runtime/pixel.h"
#include "runtime/preprocess.h"
#include "runtime/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const int bytes_of[] = {
    [WINNOW_RGB] = 3, [WINNOW_BGR] = 3, [WINNOW_RGBA] = 4, [WINNOW_BGRA] = 4, [WINNOW_GRAY] = 1,
};

static uint8_t *noise(int width, int height)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    uint32_t state = (uint32_t)width * 65536 + height;
    for (int i = 0; i < width * height * 3; i++) {
        state = state * 1664525 + 1013904223;
        rgb[i] = state >> 24;
    }
    return rgb;
}

static winnow_image picture(const uint8_t *bytes, int width, int height, winnow_pixel_format format,
                            int orientation)
{
    return (winnow_image){.plane = {bytes},
                          .stride = {(ptrdiff_t)width * bytes_of[format]},
                          .width = width,
                          .height = height,
                          .format = format,
                          .orientation = orientation};
}

static wn_preprocess settings(int size, wn_fit fit, wn_resample resample)
{
    return (wn_preprocess){.size = size, .fit = fit, .resample = resample, .mean = {0}, .std = {1, 1, 1}};
}

/* malloc'ed */
static uint8_t *run(const wn_preprocess *preprocess, const winnow_image *image)
{
    const size_t size = wn_preprocess_scratch(preprocess, image->width, image->height);
    void *scratch = aligned_alloc(64, (size + 63) / 64 * 64);
    uint8_t *rgb = malloc((size_t)preprocess->size * preprocess->size * 3);
    winnow_error error;
    memset(scratch, 0xa5, size);
    if (wn_preprocess_bytes(preprocess, image, rgb, scratch, size, &error))
        fail_msg("%s", error.message);
    free(scratch);
    return rgb;
}

static void resize(const uint8_t *in, int in_w, int in_h, const float box[4], uint8_t *out, int out_w,
                   int out_h)
{
    void *scratch = aligned_alloc(64, wn_resize_scratch(in_w, in_h, out_w, out_h));
    wn_resize_rgb(in, (ptrdiff_t)in_w * 3, in_w, in_h, box[0], box[1], box[2] - box[0], box[3] - box[1], out,
                  (ptrdiff_t)out_w * 3, out_w, out_h, scratch);
    free(scratch);
}

/* ---- oracles ---- */

static bool is_whole(const struct golden_resize *golden)
{
    return golden->box[2] - golden->box[0] == golden->width &&
           golden->box[3] - golden->box[1] == golden->height;
}

static void compare(const struct golden_resize *golden, size_t count, wn_resample resample)
{
    for (size_t i = 0; i < count; i++) {
        const wn_preprocess p =
            settings(GOLDEN_SIZE, is_whole(&golden[i]) ? WN_FIT_STRETCH : WN_FIT_CROP, resample);
        uint8_t *rgb = noise(golden[i].width, golden[i].height);
        const winnow_image image = picture(rgb, golden[i].width, golden[i].height, WINNOW_RGB, 1);
        uint8_t *out = run(&p, &image);
        assert_memory_equal(out, golden[i].rgb, sizeof golden[i].rgb);
        free(out);
        free(rgb);
    }
}

static void triangle_is_pillows(void **state)
{
    (void)state;
    compare(golden_pillow, LENGTH(golden_pillow), WN_RESAMPLE_TRIANGLE);
}

static void bilinear_is_opencvs(void **state)
{
    (void)state;
    compare(golden_opencv, LENGTH(golden_opencv), WN_RESAMPLE_OPENCV_BILINEAR);
}

static void rectangles_are_pillows(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(golden_pillow_box); i++) {
        const struct golden_resize *golden = &golden_pillow_box[i];
        uint8_t *rgb = noise(golden->width, golden->height), out[sizeof golden->rgb];
        resize(rgb, golden->width, golden->height, golden->box, out, GOLDEN_SIZE, GOLDEN_SIZE);
        for (size_t k = 0; k < sizeof out; k++)
            assert_in_range(out[k] + 1, golden->rgb[k], golden->rgb[k] + 2); /* Pillow's boxes are floats */
        free(rgb);
    }
}

/* ---- orientation ---- */

/* EXIF's own words: what has to be done to the stored picture to see it upright. */
static const struct {
    bool mirrored; /* left and right, before the rotation */
    int quarters;  /* clockwise */
} to_upright[9] = {{0},       {false, 0}, {true, 0}, {false, 2}, {true, 2},
                   {true, 3}, {false, 1}, {true, 1}, {false, 3}};

/* Turns width x height elements of `step` bytes upright; malloc'ed. */
static uint8_t *turn(const uint8_t *in, int step, int orientation, int *width, int *height)
{
    const int w = *width, h = *height;
    uint8_t *now = malloc((size_t)w * h * step);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            memcpy(now + (y * w + x) * step,
                   in + (y * w + (to_upright[orientation].mirrored ? w - 1 - x : x)) * step, step);
    for (int i = 0; i < to_upright[orientation].quarters; i++) {
        const int from_w = *width, from_h = *height;
        uint8_t *next = malloc((size_t)w * h * step);
        for (int y = 0; y < from_h; y++)
            for (int x = 0; x < from_w; x++) /* the top row becomes the right column */
                memcpy(next + (x * from_h + from_h - 1 - y) * step, now + (y * from_w + x) * step, step);
        free(now);
        now = next;
        *width = from_h;
        *height = from_w;
    }
    return now;
}

/* Noise with a border between flat areas, so that every rounding and clamping happens. */
static uint8_t *samples(int count, uint64_t seed)
{
    uint8_t *bytes = malloc(count);
    wn_random random;
    wn_random_seed(&random, seed, 0);
    for (int i = 0; i < count; i++) {
        const uint64_t bits = wn_random_next(&random);
        bytes[i] = i / 64 % 3 == 0 ? 255 * (bits >> 63) : bits >> 56;
    }
    return bytes;
}

static void turning_before_is_turning_after(void **state)
{
    (void)state;
    const int sizes[][2] = {{37, 23}, {23, 37}, {90, 64}, {7, 5}, {1, 9}, {200, 33}, {40, 40}};
    const winnow_pixel_format formats[] = {WINNOW_RGB, WINNOW_BGRA, WINNOW_GRAY};
    for (size_t s = 0; s < LENGTH(sizes); s++)
        for (int o = 1; o <= 8; o++)
            for (int variant = 0; variant < 12; variant++) {
                const winnow_pixel_format format = formats[variant / 4];
                const wn_preprocess p = settings(19, variant & 1, (variant & 2) / 2);
                int width = sizes[s][0], height = sizes[s][1];
                uint8_t *stored = samples(width * height * bytes_of[format], 1 + s);
                const winnow_image before = picture(stored, width, height, format, o);
                uint8_t *after_turning = run(&p, &before);
                uint8_t *upright = turn(stored, bytes_of[format], o, &width, &height);
                const winnow_image after = picture(upright, width, height, format, 1);
                uint8_t *expected = run(&p, &after);
                assert_memory_equal(after_turning, expected, 19 * 19 * 3);
                free(stored);
                free(after_turning);
                free(upright);
                free(expected);
            }
}

/* Planes of an even-sized picture, turned one by one, are the planes of the turned picture. */
static void planes_turn_as_well(void **state)
{
    (void)state;
    enum { WIDTH = 74, HEIGHT = 46 };
    uint8_t *y = samples(WIDTH * HEIGHT, 1), *uv = samples(WIDTH * HEIGHT / 2, 2);
    for (int o = 1; o <= 8; o++)
        for (int variant = 0; variant < 4; variant++) {
            const wn_preprocess p = settings(21, variant & 1, variant / 2);
            int width = WIDTH, height = HEIGHT, half_width = WIDTH / 2, half_height = HEIGHT / 2;
            winnow_image image = {{y, uv}, {WIDTH, WIDTH}, WIDTH, HEIGHT, WINNOW_NV12, o};
            uint8_t *stored = run(&p, &image);
            uint8_t *upright_y = turn(y, 1, o, &width, &height);
            uint8_t *upright_uv = turn(uv, 2, o, &half_width, &half_height);
            image = (winnow_image){
                {upright_y, upright_uv}, {width, half_width * 2}, width, height, WINNOW_NV12, 0};
            uint8_t *upright = run(&p, &image);
            assert_memory_equal(stored, upright, 21 * 21 * 3);
            free(stored);
            free(upright_y);
            free(upright_uv);
            free(upright);
        }
    free(y);
    free(uv);
}

/* A window is what the picture, turned upright and cut by hand, would be; but at its edges, where the filter
 * looks at pixels beyond. */
static void windows_are_parts(void **state)
{
    (void)state;
    enum { SIZE = 20, EDGE = 2 };
    const winnow_pixel_format formats[] = {WINNOW_RGB, WINNOW_BGRA, WINNOW_GRAY};
    const wn_window windows[] = {{0, 0, 1}, {0, 0, 0.5}, {0.5, 0.25, 0.5}, {0.75, 0.5, 0.25}};
    for (int o = 1; o <= 8; o++)
        for (int variant = 0; variant < 24; variant++) {
            const winnow_pixel_format format = formats[variant % 3];
            const wn_window window = windows[variant / 6];
            const wn_preprocess p = settings(SIZE, variant / 3 % 2, WN_RESAMPLE_TRIANGLE);
            int width = 80, height = 48;
            uint8_t *stored = samples(width * height * bytes_of[format], 9), out[SIZE * SIZE * 3];
            const winnow_image whole = picture(stored, width, height, format, o);
            const size_t size = wn_preprocess_scratch(&p, width, height);
            void *scratch = aligned_alloc(64, (size + 63) / 64 * 64);
            assert_int_equal(wn_preprocess_window(&p, &whole, window, out, scratch, size, NULL), WINNOW_OK);
            uint8_t *upright = turn(stored, bytes_of[format], o, &width, &height);
            const int shorter = width < height ? width : height;
            const int w = p.fit == WN_FIT_CROP ? shorter : width, h = p.fit == WN_FIT_CROP ? shorter : height;
            const int x = (width - w) / 2 + (int)(window.left * w),
                      y = (height - h) / 2 + (int)(window.top * h);
            const winnow_image part = {.plane = {upright + (y * width + x) * bytes_of[format]},
                                       .stride = {(ptrdiff_t)width * bytes_of[format]},
                                       .width = (int)(window.side * w),
                                       .height = (int)(window.side * h),
                                       .format = format,
                                       .orientation = 1};
            const wn_preprocess all = settings(SIZE, WN_FIT_STRETCH, WN_RESAMPLE_TRIANGLE);
            uint8_t *expected = run(&all, &part);
            for (int row = EDGE; row < SIZE - EDGE; row++)
                assert_memory_equal(out + (row * SIZE + EDGE) * 3, expected + (row * SIZE + EDGE) * 3,
                                    (SIZE - 2 * EDGE) * 3);
            free(stored);
            free(scratch);
            free(upright);
            free(expected);
        }
}

/* Windows of any picture, planes of half the size too, stay within it (sanitizers see it). */
static void windows_of_small_pictures_work(void **state)
{
    (void)state;
    const wn_preprocess p = settings(9, WN_FIT_STRETCH, WN_RESAMPLE_TRIANGLE);
    for (int width = 1; width <= 5; width++)
        for (int height = 1; height <= 5; height++)
            for (int o = 1; o <= 8; o++) {
                const int half = (width + 1) / 2 * ((height + 1) / 2);
                uint8_t *y = samples(width * height, 1), *uv = samples(2 * half, 2), out[9 * 9 * 3];
                const winnow_image image = {{y, uv}, {width, (width + 1) / 2 * 2}, width, height, WINNOW_NV12,
                                            o};
                const size_t size = wn_preprocess_scratch(&p, width, height);
                void *scratch = aligned_alloc(64, (size + 63) / 64 * 64);
                for (double at = 0; at <= 0.5; at += 0.125)
                    assert_int_equal(wn_preprocess_window(&p, &image, (wn_window){at, 0.5 - at, 0.5}, out,
                                                          scratch, size, NULL),
                                     WINNOW_OK);
                free(y);
                free(uv);
                free(scratch);
            }
}

/* ---- formats ---- */

static void assert_same(const wn_preprocess *p, const winnow_image *a, const winnow_image *b)
{
    uint8_t *x = run(p, a), *y = run(p, b);
    assert_memory_equal(x, y, (size_t)p->size * p->size * 3);
    free(x);
    free(y);
}

static void interleaved_formats_agree(void **state)
{
    (void)state;
    enum { WIDTH = 61, HEIGHT = 34, COUNT = WIDTH * HEIGHT };
    uint8_t *grey = samples(COUNT, 3), *rgb = samples(COUNT * 3, 4);
    uint8_t *out[5];
    for (int f = 0; f < 5; f++)
        out[f] = malloc(COUNT * 4);
    uint8_t *triple = malloc(COUNT * 3), *composed = malloc(COUNT * 3), *alpha = malloc(COUNT * 4);
    for (int i = 0; i < COUNT; i++)
        for (int c = 0; c < 3; c++) {
            out[WINNOW_BGR][i * 3 + c] = rgb[i * 3 + 2 - c];
            out[WINNOW_RGBA][i * 4 + c] = rgb[i * 3 + c];
            out[WINNOW_BGRA][i * 4 + c] = rgb[i * 3 + 2 - c];
            out[WINNOW_RGBA][i * 4 + 3] = out[WINNOW_BGRA][i * 4 + 3] = 255;
            triple[i * 3 + c] = grey[i];
            /* transparent here and there, by every degree */
            const int a = i % 19 < 9 ? 255 : i % 256;
            alpha[i * 4 + c] = rgb[i * 3 + c];
            alpha[i * 4 + 3] = a;
            composed[i * 3 + c] = (uint8_t)lrint((rgb[i * 3 + c] * a + 128 * (255 - a)) / 255.0);
        }
    for (int o = 1; o <= 8; o += 5)
        for (int resample = 0; resample < 2; resample++) {
            const wn_preprocess p = settings(17, WN_FIT_STRETCH, resample);
            const winnow_image base = picture(rgb, WIDTH, HEIGHT, WINNOW_RGB, o);
            for (int f = WINNOW_BGR; f <= WINNOW_BGRA; f++)
                assert_same(&p, &base, &(winnow_image){{out[f]}, {WIDTH * bytes_of[f]}, WIDTH, HEIGHT, f, o});
            const winnow_image one = picture(grey, WIDTH, HEIGHT, WINNOW_GRAY, o);
            const winnow_image three = picture(triple, WIDTH, HEIGHT, WINNOW_RGB, o);
            assert_same(&p, &one, &three);
            const winnow_image transparent = picture(alpha, WIDTH, HEIGHT, WINNOW_RGBA, o);
            const winnow_image opaque = picture(composed, WIDTH, HEIGHT, WINNOW_RGB, o);
            assert_same(&p, &transparent, &opaque);
        }
    for (int f = 0; f < 5; f++)
        free(out[f]);
    free(grey);
    free(rgb);
    free(triple);
    free(composed);
    free(alpha);
}

static void alpha_is_composed_to_nearest(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++)
        for (int c = 0; c < 256; c++)
            assert_int_equal(wn_over_grey(c, a), (c * a + 128 * (255 - a) + 127) / 255);
}

/* Against the definition of BT.601 and BT.709: three weights of luma, everything else follows. */
static void yuv_is_the_standards(void **state)
{
    (void)state;
    for (int kind = WINNOW_YUV_601_FULL; kind <= WINNOW_YUV_709_VIDEO; kind++) {
        const bool hd = kind >= WINNOW_YUV_709_FULL, video = kind & 1;
        const double red = hd ? 0.2126 : 0.299, blue = hd ? 0.0722 : 0.114;
        for (int y = 0; y < 256; y += 5)
            for (int u = 0; u < 256; u += 3)
                for (int v = 0; v < 256; v += 3) {
                    uint8_t rgb[3];
                    const double luma = video ? (y - 16) * 255 / 219.0 : y, scale = video ? 255 / 224.0 : 1;
                    double exact[3] = {luma + 2 * (1 - red) * scale * (v - 128), 0,
                                       luma + 2 * (1 - blue) * scale * (u - 128)};
                    exact[1] = (luma - red * exact[0] - blue * exact[2]) / (1 - red - blue);
                    wn_yuv_to_rgb((winnow_yuv)kind, y, u, v, rgb);
                    for (int c = 0; c < 3; c++)
                        assert_true(fabs(fmin(fmax(exact[c], 0), 255) - rgb[c]) < 0.506);
                }
    }
}

/* A smooth camera frame of odd size: both planar formats give the same, and what converting first would give.
 */
static void planar_formats_agree_as(winnow_yuv kind)
{
    enum { WIDTH = 129, HEIGHT = 95, HALF_W = 65, HALF_H = 48 };
    static uint8_t y[HEIGHT][WIDTH], u[HALF_H][HALF_W], v[HALF_H][HALF_W], uv[HALF_H][HALF_W][2],
        rgb[HEIGHT][WIDTH][3];
    for (int r = 0; r < HEIGHT; r++)
        for (int c = 0; c < WIDTH; c++) {
            y[r][c] = (uint8_t)(128 + 45 * sin(r * 0.1) * cos(c * 0.07));
            uv[r / 2][c / 2][0] = u[r / 2][c / 2] = (uint8_t)(128 + 30 * sin(r / 2 * 0.1));
            uv[r / 2][c / 2][1] = v[r / 2][c / 2] = (uint8_t)(128 + 30 * cos(c / 2 * 0.1));
            wn_yuv_to_rgb(kind, y[r][c], u[r / 2][c / 2], v[r / 2][c / 2], rgb[r][c]);
        }
    for (int variant = 0; variant < 4; variant++)
        for (int o = 1; o <= 8; o++) {
            const wn_preprocess p = settings(20, variant & 1, variant / 2);
            const winnow_image nv12 = {
                {y[0], uv[0][0]}, {WIDTH, HALF_W * 2}, WIDTH, HEIGHT, WINNOW_NV12, o, kind};
            const winnow_image i420 = {
                {y[0], u[0], v[0]}, {WIDTH, HALF_W, HALF_W}, WIDTH, HEIGHT, WINNOW_I420, o, kind};
            const winnow_image converted = picture(rgb[0][0], WIDTH, HEIGHT, WINNOW_RGB, o);
            assert_same(&p, &nv12, &i420);
            uint8_t *a = run(&p, &nv12), *b = run(&p, &converted);
            for (int i = 0; i < 20 * 20 * 3; i++)
                assert_true(abs(a[i] - b[i]) <= 2);
            if (p.resample == WN_RESAMPLE_OPENCV_BILINEAR)
                assert_memory_equal(a, b, 20 * 20 * 3);
            free(a);
            free(b);
        }
}

static void planar_formats_agree(void **state)
{
    (void)state;
    for (int kind = WINNOW_YUV_601_FULL; kind <= WINNOW_YUV_709_VIDEO; kind++)
        planar_formats_agree_as((winnow_yuv)kind);
}

/* Bottom-up and padded pictures are the tight one. */
static void strides_are_followed(void **state)
{
    (void)state;
    enum { WIDTH = 53, HEIGHT = 41, PADDED = WIDTH * 3 + 13 };
    uint8_t *tight = samples(WIDTH * HEIGHT * 3, 5), *padded = samples(PADDED * HEIGHT, 6);
    uint8_t *bottom_up = malloc(WIDTH * HEIGHT * 3);
    for (int r = 0; r < HEIGHT; r++) {
        memcpy(padded + r * PADDED, tight + r * WIDTH * 3, WIDTH * 3);
        memcpy(bottom_up + (HEIGHT - 1 - r) * WIDTH * 3, tight + r * WIDTH * 3, WIDTH * 3);
    }
    for (int o = 1; o <= 8; o++)
        for (int resample = 0; resample < 2; resample++) {
            const wn_preprocess p = settings(18, WN_FIT_CROP, resample);
            winnow_image a = picture(tight, WIDTH, HEIGHT, WINNOW_RGB, o), b = a;
            b.plane[0] = padded;
            b.stride[0] = PADDED;
            assert_same(&p, &a, &b);
            b.plane[0] = bottom_up + (HEIGHT - 1) * WIDTH * 3;
            b.stride[0] = -WIDTH * 3;
            assert_same(&p, &a, &b);
        }
    free(tight);
    free(padded);
    free(bottom_up);
}

static void extreme_shapes_work(void **state)
{
    (void)state;
    const int sizes[][2] = {{1, 1}, {65535, 1}, {1, 65535}, {65535, 2}, {2, 3}, {4099, 31}};
    for (size_t s = 0; s < LENGTH(sizes); s++)
        for (int o = 1; o <= 6; o += 5)
            for (int variant = 0; variant < 4; variant++) {
                const wn_preprocess p = settings(variant < 2 ? 128 : 1, variant & 1, WN_RESAMPLE_TRIANGLE);
                uint8_t *flat = malloc((size_t)sizes[s][0] * sizes[s][1] * 4);
                memset(flat, 255, (size_t)sizes[s][0] * sizes[s][1] * 4);
                const winnow_image image = picture(flat, sizes[s][0], sizes[s][1], WINNOW_RGBA, o);
                uint8_t *out = run(&p, &image);
                for (int i = 0; i < p.size * p.size * 3; i++)
                    assert_int_equal(out[i], 255); /* weights sum to one, however small they are */
                free(out);
                free(flat);
            }
}

static void instruction_sets_agree(void **state)
{
    (void)state;
    if (wn_cpu_detected() == WN_CPU_BASELINE)
        skip();
    const winnow_pixel_format formats[] = {WINNOW_RGB, WINNOW_RGBA, WINNOW_GRAY, WINNOW_NV12};
    for (int i = 0; i < 64; i++) {
        wn_random random;
        wn_random_seed(&random, 9, (uint64_t)i);
        const int width = 1 + (int)wn_random_below(&random, 400),
                  height = 1 + (int)wn_random_below(&random, 300);
        const int size = 1 + (int)wn_random_below(&random, 224);
        const wn_preprocess p = settings(size, i & 1, WN_RESAMPLE_TRIANGLE);
        uint8_t *bytes = samples(width * height * 4 + width + height + 1, 10 + (uint64_t)i);
        const winnow_pixel_format format = formats[i % 4];
        const int stride = format == WINNOW_NV12 ? width : width * bytes_of[format];
        const winnow_image image = {{bytes, bytes + width * height},
                                    {stride, (width + 1) / 2 * 2},
                                    width,
                                    height,
                                    format,
                                    1 + i / 4 % 8};
        uint8_t *best = run(&p, &image);
        wn_cpu_limit(WN_CPU_BASELINE);
        uint8_t *baseline = run(&p, &image);
        wn_cpu_limit(WN_CPU_HIGHEST);
        assert_memory_equal(best, baseline, (size_t)size * size * 3);
        free(best);
        free(baseline);
        free(bytes);
    }
}

/* ---- floats and refusals ---- */

static void floats_are_torchs(void **state)
{
    (void)state;
    uint8_t rgb[16 * 16 * 3];
    float out[16 * 16 * 3];
    for (int i = 0; i < 16 * 16 * 3; i++)
        rgb[i] = (uint8_t)(i * 7);
    wn_preprocess p = {.size = 16, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
    for (int bgr = 0; bgr < 2; bgr++) {
        p.bgr = bgr;
        wn_preprocess_normalise(&p, rgb, out);
        for (int i = 0; i < 16 * 16; i++)
            for (int c = 0; c < 3; c++) {
                const float x = rgb[i * 3 + (bgr ? 2 - c : c)];
                assert_true(out[i * 3 + c] == (x / 255.0f - p.mean[c]) / p.std[c]);
            }
    }
}

static void refusals(void **state)
{
    (void)state;
    static uint8_t bytes[64 * 64 * 4], out[8 * 8 * 3];
    const wn_preprocess good = settings(8, WN_FIT_STRETCH, WN_RESAMPLE_TRIANGLE);
    const size_t size = wn_preprocess_scratch(&good, 64, 64);
    void *scratch = aligned_alloc(64, (size + 63) / 64 * 64);
    winnow_error error;
#define REFUSE(change, text)                                                                                 \
    do {                                                                                                     \
        winnow_image image = {{bytes, bytes, bytes}, {64 * 4, 64, 64}, 64, 64, WINNOW_RGBA, 1};              \
        wn_preprocess p = good;                                                                              \
        size_t given = size;                                                                                 \
        change;                                                                                              \
        assert_int_equal(wn_preprocess_bytes(&p, &image, out, scratch, given, &error),                       \
                         WINNOW_ERROR_ARGUMENT);                                                             \
        assert_string_equal(error.message, text);                                                            \
        (void)given;                                                                                         \
    } while (0)
    REFUSE(image.width = 0, "image size 0 x 64 is outside 1 to 65535");
    REFUSE(image.height = 65536, "image size 64 x 65536 is outside 1 to 65535");
    REFUSE(image.format = 7, "unknown pixel format 7");
    REFUSE(image.format = -1, "unknown pixel format -1");
    REFUSE(image.orientation = 9, "image orientation 9 is outside 0 to 8");
    REFUSE((image.format = WINNOW_I420, image.yuv = (winnow_yuv)4), "unknown kind of YUV 4");
    REFUSE(image.orientation = -1, "image orientation -1 is outside 0 to 8");
    REFUSE(image.plane[0] = NULL, "image plane 0 is NULL");
    REFUSE(image.stride[0] = 255, "image stride 255 of plane 0 is below its row of 256 bytes");
    REFUSE(image.stride[0] = -255, "image stride -255 of plane 0 is below its row of 256 bytes");
    REFUSE((image.format = WINNOW_NV12, image.plane[1] = NULL), "image plane 1 is NULL");
    REFUSE((image.format = WINNOW_NV12, image.stride[1] = 63),
           "image stride 63 of plane 1 is below its row of 64 bytes");
    REFUSE((image.format = WINNOW_I420, image.plane[2] = NULL), "image plane 2 is NULL");
    REFUSE((image.format = WINNOW_I420, image.stride[2] = 31),
           "image stride 31 of plane 2 is below its row of 32 bytes");
    REFUSE(p.size = 0, "the preprocessing is outside what its header says");
    REFUSE(p.size = 1025, "the preprocessing is outside what its header says");
    REFUSE(p.fit = 2, "the preprocessing is outside what its header says");
    assert_int_equal(wn_preprocess_bytes(&good, NULL, out, scratch, size, &error), WINNOW_ERROR_ARGUMENT);
    assert_string_equal(error.message, "image is NULL");
    const winnow_image image = {{bytes}, {256}, 64, 64, WINNOW_RGBA, 1};
    assert_int_equal(wn_preprocess_bytes(&good, &image, out, scratch, size - 1, &error),
                     WINNOW_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "bytes of scratch"));
    assert_int_equal(wn_preprocess_scratch(&good, 0, 5), 0);
    assert_int_equal(wn_preprocess_scratch(&good, 5, 65536), 0);
    assert_true(wn_preprocess_scratch(&good, 65535, 65535) >= wn_preprocess_scratch(&good, 65535, 1));
    free(scratch);
}

/* A huge picture is resized in strips of columns: each column is that of a strip of its own. */
static void strips_are_the_whole(void **state)
{
    (void)state;
    enum { WIDTH = 1 << 15, HEIGHT = 40, OUT_W = 128, OUT_H = 5, SCALE = WIDTH / OUT_W };
    for (int variant = 0; variant < 20; variant++) {
        const int step = variant < 4 ? 4 : 1 + variant % 4;
        uint8_t *in = samples(WIDTH * HEIGHT * 4, (uint64_t)variant);
        uint8_t whole[OUT_W * OUT_H * 4], one[OUT_H * 4];
        void *scratch = aligned_alloc(64, wn_resize_scratch(WIDTH, HEIGHT, OUT_W, OUT_H));
        wn_resize_job job = {.in = in,
                             .stride = WIDTH * step,
                             .step = step,
                             .alpha = variant < 4,
                             .columns_first = variant & 1,
                             .x = {WIDTH, 0, WIDTH, OUT_W, variant & 2},
                             .y = {HEIGHT, 0, HEIGHT, OUT_H, variant & 2},
                             .out = whole,
                             .out_stride = OUT_W * step};
        wn_resize_plane(&job, scratch);
        job.out = one, job.out_stride = step;
        for (int column = 0; column < OUT_W; column++) {
            job.x = (wn_span){WIDTH, column * SCALE, (column + 1) * SCALE, 1, variant & 2};
            wn_resize_plane(&job, scratch);
            for (int y = 0; y < OUT_H; y++)
                assert_memory_equal(one + y * step, whole + (y * OUT_W + column) * step, (size_t)step);
        }
        free(scratch);
        free(in);
    }
}

static void huge_pictures_need_little_more(void **state)
{
    (void)state;
    const wn_preprocess p = settings(128, WN_FIT_STRETCH, WN_RESAMPLE_TRIANGLE);
    assert_in_range(wn_preprocess_scratch(&p, 65535, 65535), 1, 400 << 10);
}

/* What is promised for the largest picture is enough for every smaller one. */
static void scratch_grows_with_the_picture(void **state)
{
    (void)state;
    const wn_preprocess p = settings(128, WN_FIT_STRETCH, WN_RESAMPLE_TRIANGLE);
    size_t before = 0;
    for (int side = 1; side <= 65535; side += 1 + side / 100) {
        const size_t size = wn_preprocess_scratch(&p, side, side);
        assert_true(size >= before);
        assert_true(size >= wn_preprocess_scratch(&p, side, 1) && size >= wn_preprocess_scratch(&p, 1, side));
        before = size;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triangle_is_pillows),
        cmocka_unit_test(bilinear_is_opencvs),
        cmocka_unit_test(rectangles_are_pillows),
        cmocka_unit_test(turning_before_is_turning_after),
        cmocka_unit_test(planes_turn_as_well),
        cmocka_unit_test(windows_are_parts),
        cmocka_unit_test(windows_of_small_pictures_work),
        cmocka_unit_test(interleaved_formats_agree),
        cmocka_unit_test(alpha_is_composed_to_nearest),
        cmocka_unit_test(yuv_is_the_standards),
        cmocka_unit_test(planar_formats_agree),
        cmocka_unit_test(strides_are_followed),
        cmocka_unit_test(extreme_shapes_work),
        cmocka_unit_test(strips_are_the_whole),
        cmocka_unit_test(huge_pictures_need_little_more),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(floats_are_torchs),
        cmocka_unit_test(refusals),
        cmocka_unit_test(scratch_grows_with_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
