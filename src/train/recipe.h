/* SPDX-License-Identifier: Apache-2.0
 * A recipe is every number that a training depends on, apart from the photos. Named recipes give the
 * defaults; options override. */
#ifndef WN_TRAIN_RECIPE_H
#define WN_TRAIN_RECIPE_H

#include "../runtime/network.h"
#include "../runtime/preprocess.h"
#include "augment.h"
#include "schedule.h"

#include <stdint.h>

typedef enum wn_freeze {
    WN_FREEZE_NONE,     /* every layer learns */
    WN_FREEZE_BACKBONE, /* features are computed once, the embedding alone learns */
    WN_FREEZE_EARLY     /* the last two blocks, the last convolution and the embedding learn */
} wn_freeze;

typedef struct wn_train_recipe {
    const char *name;
    const char *architecture;
    double width;
    int input, embedding;
    wn_preprocess preprocess; /* size follows input */
    wn_augment_kind augment;
    wn_freeze freeze;
    int epochs, save_interval, batch;
    double learning_rate, class_rate; /* of the network's SGD, and of the class vectors' */
    double momentum, weight_decay;
    bool decay_all; /* weight decay on biases and norms too */
    wn_schedule_kind schedule;
    double warmup; /* epochs */
    double margin; /* ArcFace, degrees */
    double scale;  /* ArcFace */
    double keep;   /* weight of the features' distance from those before training (keep.h) */
    bool bf16;     /* activations and their gradients are stored in 16 bits */
} wn_train_recipe;

/* "default", "reference": NULL if there is none of that name. `pretrained` says whether a backbone is at
 * hand: the default recipe then keeps it frozen, and otherwise trains every layer from random weights. */
winnow_status wn_train_recipe_named(const char *name, bool pretrained, wn_train_recipe *recipe,
                                    winnow_error *error);

/* The side of the input where a frozen backbone's features are used as they are: it tells look-alikes better
 * than the recipes' 128, for half as much time again (docs/accuracy.md, "Backbones and input sizes"). */
enum { WN_FROZEN_INPUT = 160 };

/* A pretrained network of which some layers learn: rates a tenth of those from random weights, few epochs,
 * photos as phones take them. */
void wn_train_recipe_fine_tune(wn_train_recipe *recipe);

/* The recipe, the seed and the data as `name=value` lines: what a resumed training must share with the one it
 * continues. */
enum { WN_TRAIN_SETTINGS_SIZE = 2048 };
void wn_train_recipe_settings(const wn_train_recipe *recipe, uint64_t seed, const char *data_hash,
                              char *settings);

#endif
