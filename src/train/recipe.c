/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe.h"

#include <stdio.h>
#include <string.h>

/* The published system to the letter (BGR, [-1, 1], OpenCV's bilinear stretch, constant rate, no
 * augmentation, random start) minus its faults: abnormals are drawn afresh each epoch, all normals count for
 * the mean, and the gate is calibrated. */
static const wn_train_recipe reference = {
    .name = "reference",
    .architecture = "mobilenet_v2",
    .width = 1,
    .input = 128,
    .embedding = 512,
    .preprocess = {.fit = WN_FIT_STRETCH,
                   .resample = WN_RESAMPLE_OPENCV_BILINEAR,
                   .bgr = true,
                   .mean = {0.5f, 0.5f, 0.5f},
                   .std = {0.5f, 0.5f, 0.5f}},
    .augment = WN_AUGMENT_NONE,
    .freeze = WN_FREEZE_NONE,
    .epochs = 300,
    .save_interval = 10,
    .batch = 32,
    .learning_rate = 0.001,
    .class_rate = 0.01,
    .momentum = 0.9,
    .weight_decay = 1e-4,
    .decay_all = true,
    .schedule = WN_SCHEDULE_CONSTANT,
    .margin = 28.6,
    .scale = 64,
};

/* From random weights: a higher rate that decays along a cosine, and phone-like augmentation. */
static const wn_train_recipe scratch = {
    .name = "default",
    .architecture = "mobilenet_v2",
    .width = 1,
    .input = 128,
    .embedding = 512,
    .preprocess = {.fit = WN_FIT_STRETCH,
                   .resample = WN_RESAMPLE_TRIANGLE,
                   .mean = {0.5f, 0.5f, 0.5f},
                   .std = {0.5f, 0.5f, 0.5f}},
    .augment = WN_AUGMENT_PHONE,
    .freeze = WN_FREEZE_NONE,
    .epochs = 60,
    .save_interval = 5,
    .batch = 32,
    .learning_rate = 0.02,
    .class_rate = 0.02,
    .momentum = 0.9,
    .weight_decay = 1e-4,
    .schedule = WN_SCHEDULE_COSINE,
    .warmup = 2,
    .margin = 28.6,
    .scale = 16,
};

winnow_status wn_train_recipe_named(const char *name, bool pretrained, wn_train_recipe *recipe,
                                    winnow_error *error)
{
    if (!strcmp(name, "reference")) {
        *recipe = reference;
    } else if (!strcmp(name, "default")) {
        *recipe = scratch;
        if (pretrained) { /* what the backbone knows of everything else is worth more than what fine-tuning
                             adds */
            recipe->freeze = WN_FREEZE_BACKBONE;
            recipe->augment = WN_AUGMENT_NONE;
            recipe->epochs = 20;
            recipe->learning_rate = 0.05;
            recipe->class_rate = 0.05;
            recipe->warmup = 1;
        }
    } else {
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "unknown recipe '%s': use default or reference",
                       name);
    }
    recipe->preprocess.size = recipe->input;
    return WINNOW_OK;
}

void wn_train_recipe_fine_tune(wn_train_recipe *recipe)
{
    recipe->augment = WN_AUGMENT_PHONE;
    recipe->epochs = 5;
    recipe->save_interval = 5;
    recipe->learning_rate = 0.002;
    recipe->class_rate = 0.02;
}

void wn_train_recipe_settings(const wn_train_recipe *recipe, uint64_t seed, const char *data_hash,
                              char *settings)
{
    const wn_preprocess *p = &recipe->preprocess;
    snprintf(
        settings, WN_TRAIN_SETTINGS_SIZE,
        "recipe=%s\nnetwork=%s\nwidth=%g\ninput-size=%d\nembedding-size=%d\nfit=%d\nresample=%d\nbgr=%d\n"
        "mean=%g,%g,%g\nstd=%g,%g,%g\naugment=%d\nfreeze=%d\nepochs=%d\nsave-interval=%d\nbatch=%d\n"
        "learning-rate=%g\nclass-rate=%g\nmomentum=%g\nweight-decay=%g\ndecay-all=%d\nschedule=%d\nwarmup=%"
        "g\n"
        "margin=%g\nscale=%g\nkeep=%g\nprecision=%s\nseed=%llu\nphotos=%s\n",
        recipe->name, recipe->architecture, recipe->width, recipe->input, recipe->embedding, (int)p->fit,
        (int)p->resample, p->bgr, p->mean[0], p->mean[1], p->mean[2], p->std[0], p->std[1], p->std[2],
        (int)recipe->augment, (int)recipe->freeze, recipe->epochs, recipe->save_interval, recipe->batch,
        recipe->learning_rate, recipe->class_rate, recipe->momentum, recipe->weight_decay, recipe->decay_all,
        (int)recipe->schedule, recipe->warmup, recipe->margin, recipe->scale, recipe->keep,
        recipe->bf16 ? "bf16" : "fp32", (unsigned long long)seed, data_hash);
}
