/* SPDX-License-Identifier: Apache-2.0
 * Augmentation: the same numbers from the same seed, every number within its range, every effect what it
 * says. */
#include "codec/codec.h"
#include "runtime/random.h"
#include "synth/synth.h"
#include "train/augment.h"
#include "train/effects.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 128, BYTES = SIDE * SIDE * 3, WIDTH = 320, HEIGHT = 240 };

static uint8_t photo[WIDTH * HEIGHT * 3];
static wn_preprocess stretch = {.size = SIDE, .fit = WN_FIT_STRETCH};
static wn_preprocess crop = {.size = SIDE, .fit = WN_FIT_CROP};

static int set_up(void **state)
{
    (void)state;
    return synth_scene(SYNTH_NORMAL, 3, WIDTH, HEIGHT, photo, NULL);
}

/* Exactly as large as asked for, so that AddressSanitizer sees a byte too many. */
static void *allocate(size_t size)
{
    void *memory = NULL;
    assert_true(size > 0);
    assert_int_equal(posix_memalign(&memory, 64, size), 0);
    memset(memory, 0xa5, size);
    return memory;
}

static void augment(wn_augment_kind kind, const wn_preprocess *preprocess, uint64_t seed, uint8_t *out)
{
    const wn_augment_options options = {kind, preprocess};
    void *scratch = allocate(wn_augment_scratch(&options, WIDTH, HEIGHT));
    wn_augment(&options, photo, WIDTH, HEIGHT, seed, out, scratch);
    free(scratch);
}

static void test_same_seed_same_picture(void **state)
{
    (void)state;
    static uint8_t first[BYTES], again[BYTES], next[BYTES];
    for (int kind = WN_AUGMENT_LIGHT; kind < WN_AUGMENT_KINDS; kind++)
        for (uint64_t seed = 0; seed < 50; seed++) {
            augment((wn_augment_kind)kind, &stretch, seed, first);
            augment((wn_augment_kind)kind, &stretch, seed, again);
            augment((wn_augment_kind)kind, &stretch, seed + 1, next);
            assert_memory_equal(first, again, BYTES);
            assert_memory_not_equal(first, next, BYTES);
        }
}

static void test_none_is_the_preprocessing_of_the_runtime(void **state)
{
    (void)state;
    static uint8_t out[BYTES], expected[BYTES];
    const winnow_image image = {{photo}, {WIDTH * 3}, WIDTH, HEIGHT, WINNOW_RGB, 1};
    for (int i = 0; i < 4; i++) {
        wn_preprocess preprocess = i % 2 ? crop : stretch;
        preprocess.resample = i / 2 ? WN_RESAMPLE_OPENCV_BILINEAR : WN_RESAMPLE_TRIANGLE;
        size_t size = wn_preprocess_scratch(&preprocess, WIDTH, HEIGHT);
        void *scratch = allocate(size);
        assert_int_equal(wn_preprocess_bytes(&preprocess, &image, expected, scratch, size, NULL), WINNOW_OK);
        free(scratch);
        augment(WN_AUGMENT_NONE, &preprocess, (uint64_t)i, out);
        assert_memory_equal(out, expected, BYTES);
    }
}

/* Photos of every shape, sizes of every network, each buffer exactly as large as promised. */
static void test_nothing_outside_is_touched(void **state)
{
    (void)state;
    static const int shapes[][3] = {{1, 1, 128},     {1, 500, 96},   {700, 2, 224}, {31, 33, 97},
                                    {128, 128, 128}, {640, 90, 160}, {5, 4, 8}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (uint64_t seed = 0; seed < 120; seed++) {
            int w = shapes[i][0], h = shapes[i][1], side = shapes[i][2];
            const wn_preprocess preprocess = {.size = side, .fit = seed % 2 ? WN_FIT_CROP : WN_FIT_STRETCH};
            const wn_augment_options options = {(wn_augment_kind)(seed % 3), &preprocess};
            uint8_t *rgb = allocate((size_t)w * (size_t)h * 3),
                    *out = allocate((size_t)side * (size_t)side * 3);
            void *scratch = allocate(wn_augment_scratch(&options, w, h));
            wn_augment(&options, rgb, w, h, seed, out, scratch);
            free(rgb);
            free(out);
            free(scratch);
        }
}

/* ---- what is drawn ---- */

typedef struct spread {
    double least, most;
    int turns;
} spread;

static void note(spread *s, double value, double neutral)
{
    if (value == neutral)
        return;
    s->least = s->turns ? fmin(s->least, value) : value;
    s->most = s->turns ? fmax(s->most, value) : value;
    s->turns++;
}

enum { DRAWS = 20000 };

/* Drawn as often as said, nowhere outside the range, and over (nearly) all of it. */
static void check_spread(const char *name, const spread *s, const wn_augment_range *range)
{
    double width = range->high - range->low;
    double share = (double)s->turns / DRAWS, slack = 4 * sqrt(range->probability / DRAWS);
    if (range->probability == 0) {
        assert_int_equal(s->turns, 0);
        return;
    }
    if (fabs(share - range->probability) > slack || s->least < range->low - 1e-9 ||
        s->most > range->high + 1e-9 || s->least > range->low + 0.05 * width ||
        s->most < range->high - 0.05 * width)
        fail_msg("%s: %.3f of the time, %g to %g", name, share, s->least, s->most);
}

static void check_draws(wn_augment_kind kind)
{
    const wn_augment_options options = {kind, &stretch};
    const wn_augment_ranges *ranges = wn_augment_ranges_of(kind);
    spread exposure = {0}, warmth = {0}, tint = {0}, contrast = {0}, saturation = {0}, defocus = {0},
           motion = {0};
    spread shot = {0}, read = {0}, jpeg = {0}, screen = {0}, area = {0}, aspect = {0}, mirror = {0},
           flip = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        wn_augmentation d;
        wn_augment_draw(&options, WIDTH, HEIGHT, seed, &d);
        assert_true(d.x >= 0 && d.y >= 0 && d.w > 0 && d.h > 0);
        assert_true(d.x + d.w <= WIDTH + 1e-9 && d.y + d.h <= HEIGHT + 1e-9);
        if (d.w < WIDTH && d.h < HEIGHT) { /* the photo's edges did not interfere */
            note(&aspect, log2(d.w / d.h * HEIGHT / WIDTH), -99);
            note(&area, d.w * d.h / WIDTH / HEIGHT, -99);
        }
        note(&mirror, d.mirror, 0);
        note(&flip, d.flip, 0);
        note(&screen, d.screen_depth, 0);
        note(&defocus, d.defocus, 0);
        note(&motion, d.motion, 0);
        note(&exposure, d.exposure, 0);
        if (d.red != d.blue)
            note(&warmth, log2(d.red / d.blue) / 2, 0);
        if (fabs(d.red * d.blue - 1) > 1e-12)
            note(&tint, log2(d.red * d.blue) / 2, 0);
        note(&contrast, d.contrast, 1);
        note(&saturation, d.saturation, 1);
        note(&shot, d.shot_noise, 0);
        note(&read, d.read_noise, 0);
        note(&jpeg, d.jpeg_quality, 0);
    }
    assert_true(area.least >= ranges->area.low - 1e-9 && area.most <= 1 + 1e-9 && area.turns > DRAWS / 2);
    assert_true(aspect.least >= ranges->stretch.low - 1e-9 && aspect.most <= ranges->stretch.high + 1e-9);
    assert_true(fabs((double)mirror.turns / DRAWS - ranges->mirror.probability) < 0.02);
    assert_true(fabs((double)flip.turns / DRAWS - ranges->flip.probability) < 0.02);
    check_spread("screen", &screen, &ranges->screen);
    check_spread("defocus", &defocus, &ranges->defocus);
    check_spread("motion", &motion, &ranges->motion);
    check_spread("exposure", &exposure, &ranges->exposure);
    check_spread("warmth", &warmth, &ranges->warmth);
    check_spread("tint", &tint, &ranges->tint);
    check_spread("contrast", &contrast, &ranges->contrast);
    check_spread("saturation", &saturation, &ranges->saturation);
    check_spread("shot noise", &shot, &ranges->shot_noise);
    check_spread("read noise", &read, &ranges->read_noise);
    check_spread("JPEG quality", &jpeg, &ranges->jpeg_quality);
}

static void test_numbers_stay_within_their_ranges(void **state)
{
    (void)state;
    check_draws(WN_AUGMENT_LIGHT);
    check_draws(WN_AUGMENT_PHONE);
    assert_null(wn_augment_ranges_of(WN_AUGMENT_NONE));
}

/* With fit crop, rectangles are squares give or take the stretch, whatever the shape of the photo. */
static void test_crop_draws_squares(void **state)
{
    (void)state;
    const wn_augment_options options = {WN_AUGMENT_LIGHT, &crop};
    for (uint64_t seed = 0; seed < 1000; seed++) {
        wn_augmentation d;
        wn_augment_draw(&options, 1000, 100, seed, &d);
        assert_true(fabs(log2(d.w / d.h)) < 0.2);
        assert_true(d.h <= 100 && d.h > 80);
    }
}

/* ---- effects ---- */

static void fill(uint8_t *rgb, int side, int value)
{
    memset(rgb, value, (size_t)side * (size_t)side * 3);
}

static double mean_difference(const uint8_t *a, const uint8_t *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += abs(a[i] - b[i]);
    return sum / count;
}

static void test_mirror(void **state)
{
    (void)state;
    uint8_t rgb[27], twice[27];
    for (int i = 0; i < 27; i++)
        rgb[i] = twice[i] = (uint8_t)i;
    wn_effect_mirror(rgb, 3, true, false);
    assert_int_equal(rgb[0], 6);
    assert_int_equal(rgb[3], 3);
    assert_int_equal(rgb[8], 2);
    wn_effect_mirror(rgb, 3, false, true);
    assert_int_equal(rgb[0], 24);
    wn_effect_mirror(rgb, 3, true, true);
    assert_memory_equal(rgb, twice, 27);
}

static void check_blur(const wn_blur *blur, double reach)
{
    static uint8_t rgb[BYTES], scratch[200000];
    int sum = 0;
    for (int i = 0; i < blur->count; i++) {
        sum += blur->weight[i];
        assert_true(abs(blur->dx[i]) <= reach && abs(blur->dy[i]) <= reach);
    }
    assert_int_equal(sum, 256);
    assert_true(wn_effect_blur_scratch(SIDE) <= sizeof scratch);
    for (int value = 0; value < 256; value += 51) {
        fill(rgb, SIDE, value);
        wn_effect_blur(rgb, SIDE, blur, scratch);
        for (int i = 0; i < BYTES; i++)
            assert_int_equal(rgb[i], value);
    }
    /* A red point becomes the kernel itself: green and blue stay black, light is kept. */
    fill(rgb, SIDE, 0);
    rgb[(64 * SIDE + 64) * 3] = 255;
    wn_effect_blur(rgb, SIDE, blur, scratch);
    int light = 0;
    double x = 0, y = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        assert_int_equal(rgb[3 * i + 1] | rgb[3 * i + 2], 0);
        light += rgb[3 * i];
        x += rgb[3 * i] * (i % SIDE - 64);
        y += rgb[3 * i] * (i / SIDE - 64);
    }
    assert_true(light > 255 * 0.75 && light < 255 * 1.25); /* levels of about one are rounded */
    assert_true(fabs(x / light) < 0.35 && fabs(y / light) < 0.35);
}

static void test_blur_spreads_light_and_keeps_it(void **state)
{
    (void)state;
    wn_blur blur;
    for (double radius = 0; radius <= WN_MAX_DEFOCUS; radius += 0.25) {
        wn_blur_defocus(&blur, radius);
        check_blur(&blur, ceil(radius));
    }
    for (int i = 0; i < 100; i++) {
        wn_blur_motion(&blur, WN_MAX_MOTION * i / 99.0, i * 0.1);
        check_blur(&blur, WN_MAX_MOTION / 2 * i / 99.0 + 1);
    }
}

static void test_tone(void **state)
{
    (void)state;
    static uint8_t rgb[BYTES], same[BYTES];
    memcpy(rgb, photo, BYTES);
    memcpy(same, photo, BYTES);
    wn_effect_tone(rgb, SIDE, (double[]){1, 1, 1}, 1, 1);
    assert_memory_equal(rgb, same, BYTES);
    uint8_t pixel[3] = {100, 100, 100};
    wn_effect_tone(pixel, 1, (double[]){2, 1, 0.5}, 1, 1);
    assert_true(abs(pixel[0] - 200) <= 1 && abs(pixel[1] - 100) <= 1 && abs(pixel[2] - 50) <= 1);
    wn_effect_tone(pixel, 1, (double[]){1, 1, 1}, 1, 0);
    assert_true(pixel[0] == pixel[1] && pixel[1] == pixel[2] && abs(pixel[0] - 124) <= 1);
    uint8_t dark[3] = {78, 78, 78};
    wn_effect_tone(dark, 1, (double[]){1, 1, 1}, 2, 1);
    assert_true(abs(dark[0] - 28) <= 1);
    uint8_t bright[3] = {250, 250, 10};
    wn_effect_tone(bright, 1, (double[]){4, 4, 4}, 1.3, 1.35);
    assert_true(bright[0] == 255 && bright[1] == 255);
}

static void test_noise_has_the_asked_variance(void **state)
{
    (void)state;
    static uint8_t rgb[BYTES];
    static const double cases[][3] = {
        {128, 0, 0.02}, {128, 0.002, 0}, {60, 0.003, 0.01}, {200, 0.001, 0.015}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int value = (int)cases[i][0];
        fill(rgb, SIDE, value);
        wn_effect_noise(rgb, SIDE, cases[i][1], cases[i][2], 12345 + i);
        double sum = 0, squares = 0, neighbours = 0;
        for (int k = 0; k < BYTES; k++) {
            double d = rgb[k] - value;
            sum += d;
            squares += d * d;
            neighbours += k ? d * (rgb[k - 1] - value) : 0;
        }
        double expected = 255 * 255 * (cases[i][1] * value / 255 + cases[i][2] * cases[i][2]);
        assert_true(fabs(sum / BYTES) < 0.1);
        assert_true(fabs(squares / BYTES / expected - 1) < 0.05);
        assert_true(fabs(neighbours / squares) < 0.02);
    }
}

static void test_screen_keeps_brightness_and_beats(void **state)
{
    (void)state;
    static uint8_t rgb[BYTES];
    const double map[8] = {1.06, 0, 512, 0, 1.06, 512, 0, 0};
    fill(rgb, SIDE, 120);
    wn_effect_screen(rgb, SIDE, map, 0);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(rgb[i], 120);
    wn_effect_screen(rgb, SIDE, map, 0.3);
    double sum = 0;
    int least = 255, most = 0;
    for (int i = 0; i < BYTES; i++) {
        sum += rgb[i];
        least = rgb[i] < least ? rgb[i] : least;
        most = rgb[i] > most ? rgb[i] : most;
    }
    assert_true(fabs(sum / BYTES - 120) < 4);
    assert_true(least < 100 && least > 70 && most > 130 && most < 175);
    /* 1.06 screen pixels a pixel: the beat repeats every 1/0.06 = 16.7 pixels, so 50 are three whole beats.
     */
    for (int x = 0; x + 50 < SIDE; x++)
        assert_true(abs(rgb[3 * x] - rgb[3 * (x + 50)]) <= 3);
    assert_true(abs(rgb[0] - rgb[3 * 8]) > 20);
}

static void jpeg_round_trip(uint8_t *rgb, int quality)
{
    void *bytes;
    size_t size;
    codec_picture picture;
    assert_int_equal(codec_encode_jpeg(rgb, SIDE, SIDE, quality, &bytes, &size, NULL), WINNOW_OK);
    assert_int_equal(codec_decode(bytes, size, 0, &picture, NULL), WINNOW_OK);
    memcpy(rgb, picture.rgb, BYTES);
    codec_picture_free(&picture);
    free(bytes);
}

/* Against the real thing: what ours and libjpeg's round trip differ by is small beside what they lose. */
static void test_jpeg_loses_what_libjpeg_loses(void **state)
{
    (void)state;
    static uint8_t original[BYTES], ours[BYTES], real[BYTES];
    double before = 0;
    for (int quality = 95; quality >= 15; quality -= 20) {
        augment(WN_AUGMENT_NONE, &stretch, 0, original);
        memcpy(ours, original, BYTES);
        memcpy(real, original, BYTES);
        wn_effect_jpeg(ours, SIDE, quality);
        jpeg_round_trip(real, quality);
        double lost = mean_difference(original, real, BYTES), apart = mean_difference(ours, real, BYTES);
        print_message("quality %d: libjpeg loses %.2f levels, ours is %.2f apart from it\n", quality, lost,
                      apart);
        assert_true(apart < 0.7 * lost);
        assert_true(mean_difference(original, ours, BYTES) > before);
        before = mean_difference(original, ours, BYTES);
    }
}

/* ---- as a whole ---- */

static double luma(const uint8_t *rgb)
{
    double sum = 0;
    for (int i = 0; i < BYTES; i++)
        sum += rgb[i];
    return sum / BYTES;
}

static void test_pictures_stay_recognisable(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static uint8_t out[BYTES];
    augment(WN_AUGMENT_NONE, &stretch, 0, out);
    double original = luma(out), sum = 0;
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        augment(WN_AUGMENT_PHONE, &stretch, seed, out);
        double mean = luma(out);
        sum += mean;
        int different = 0;
        for (int i = 3; i < BYTES; i++)
            different += abs(out[i] - out[i - 3]) > 2;
        assert_true(mean > original * 0.35 && mean < original * 2.2);
        assert_true(different > BYTES / 50);
    }
    assert_true(fabs(sum / COUNT / original - 1) < 0.15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_picture),
        cmocka_unit_test(test_none_is_the_preprocessing_of_the_runtime),
        cmocka_unit_test(test_nothing_outside_is_touched),
        cmocka_unit_test(test_numbers_stay_within_their_ranges),
        cmocka_unit_test(test_crop_draws_squares),
        cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_blur_spreads_light_and_keeps_it),
        cmocka_unit_test(test_tone),
        cmocka_unit_test(test_noise_has_the_asked_variance),
        cmocka_unit_test(test_screen_keeps_brightness_and_beats),
        cmocka_unit_test(test_jpeg_loses_what_libjpeg_loses),
        cmocka_unit_test(test_pictures_stay_recognisable),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
