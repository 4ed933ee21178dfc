/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow train`: the options. A number that was not given is the recipe's. */
#include "train.h"

#include "../src/runtime/scorer.h"
#include "../src/train/backbone.h"
#include "../src/train/pool.h"
#include "commands.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_GIVEN = -1 };

static const char *const recipes[] = {"default", "reference", NULL};
const char *const train_freezes[] = {"none", "backbone", "early", NULL};
const char *const train_augments[] = {"none", "light", "phone", NULL};
const char *const train_schedules[] = {"constant", "cosine", NULL};
static const char *const precisions[] = {"fp32", "bf16", NULL};
const char *const train_fits[] = {"stretch", "crop", NULL};

/* What the options write to, with "not given" as the start of all that a recipe knows better. */
static struct given {
    option_list normal, abnormal, valid_normal, valid_abnormal;
    const char *output, *backbone, *network, *scorer, *checkpoint, *log, *report, *reference_outputs, *advice;
    int recipe, freeze, augment, schedule, fit, precision;
    int epochs, save_interval, batch, input_size, embedding_size, cache_mb, threads, abnormal_pool;
    double width, learning_rate, momentum, weight_decay, warmup, margin, scale, keep;
    double false_reject, confidence, max_bad;
    uint64_t seed;
    bool classes, resume, json;
} given = {
    .scorer = "auto",
    .freeze = NOT_GIVEN,
    .augment = NOT_GIVEN,
    .schedule = NOT_GIVEN,
    .fit = NOT_GIVEN,
    .epochs = NOT_GIVEN,
    .save_interval = NOT_GIVEN,
    .batch = NOT_GIVEN,
    .input_size = NOT_GIVEN,
    .embedding_size = NOT_GIVEN,
    .width = NOT_GIVEN,
    .learning_rate = NOT_GIVEN,
    .momentum = NOT_GIVEN,
    .weight_decay = NOT_GIVEN,
    .warmup = NOT_GIVEN,
    .margin = NOT_GIVEN,
    .scale = NOT_GIVEN,
    .keep = NOT_GIVEN,
    .cache_mb = 1024,
    .abnormal_pool = 4000,
    .false_reject = 0.05,
    .max_bad = 0.05,
    .seed = 1,
};

static const option_row rows[] = {
    {"normal", 0, OPTION_LIST, "DIR",
     "photos of the right kind; may be given again. Subfolders (cameras, fields, days) are sources",
     &given.normal},
    {"abnormal", 0, OPTION_LIST, "DIR", "photos of anything else, look-alikes above all; may be given again",
     &given.abnormal},
    {"valid-normal", 0, OPTION_LIST, "DIR",
     "normal photos to validate and calibrate on; else a split is made by source", &given.valid_normal},
    {"valid-abnormal", 0, OPTION_LIST, "DIR", "abnormal photos to validate on", &given.valid_abnormal},
    {"output", 'o', OPTION_TEXT, "FILE", "the gate to write (.safetensors)", &given.output},
    {"false-reject", 0, OPTION_PERCENT, "P", "share of normal photos that the gate may turn away",
     &given.false_reject, 0, 0.5, .open = true},
    {"confidence", 0, OPTION_PERCENT, "P", "keep that promise with this probability, e.g. 95%; 0: on average",
     &given.confidence, 0, 0.9999},
    {"classes", 0, OPTION_FLAG, NULL,
     "the subfolders of --normal are classes (diseases, parts, kinds): learn to tell them apart as well",
     &given.classes},
    {"advice", 0, OPTION_TEXT, "TEXT",
     "what to tell who holds the camera at anything else: 'Point the camera at the rice'", &given.advice},
    {"scorer", 0, OPTION_TEXT, "NAME",
     "auto, cosine, prototypes, knn, knn_difference, mahalanobis, relative, discriminant, logistic, arcface, "
     "or a combination (docs/scorers.md)",
     &given.scorer},
    {"backbone", 0, OPTION_TEXT, "FILE",
     "start from these weights; `none` starts from random ones; else that of `make backbone`, where there is "
     "one",
     &given.backbone},
    {"freeze", 0, OPTION_CHOICE, NULL,
     "what does not learn: nothing, the backbone (default, where there is one), or all but its last blocks",
     &given.freeze, 0, 0, .choices = train_freezes},
    {"recipe", 0, OPTION_CHOICE, NULL, "where the numbers below come from", &given.recipe, 0, 0,
     .choices = recipes},
    {"network", 0, OPTION_TEXT, "NAME", "mobilenet_v2 or efficientnet_lite0, without a backbone",
     &given.network},
    {"width", 0, OPTION_NUMBER, "X", "width multiplier, without a backbone", &given.width, 0.35, 1.4},
    {"input-size", 0, OPTION_INTEGER, "N",
     "side of the network's input in pixels (default: 160 where a frozen backbone's features are used as "
     "they "
     "are, else 128); more tells look-alikes better, and takes longer",
     &given.input_size, 96, 224},
    {"embedding-size", 0, OPTION_INTEGER, "N", "length of the embedding", &given.embedding_size, 8, 2048},
    {"fit", 0, OPTION_CHOICE, NULL, "how a photo becomes square", &given.fit, 0, 0, .choices = train_fits},
    {"augment", 0, OPTION_CHOICE, NULL, "what happens to training photos", &given.augment, 0, 0,
     .choices = train_augments},
    {"epochs", 0, OPTION_INTEGER, "N", "passes over the normal photos", &given.epochs, 1, 100000},
    {"save-interval", 0, OPTION_INTEGER, "N", "validate and save every N epochs", &given.save_interval, 1,
     100000},
    {"batch", 0, OPTION_INTEGER, "N", "photos in a step", &given.batch, 2, 1024},
    {"learning-rate", 0, OPTION_NUMBER, "X", "of SGD", &given.learning_rate, 1e-8, 10},
    {"momentum", 0, OPTION_NUMBER, "X", "of SGD", &given.momentum, 0, 0.999},
    {"weight-decay", 0, OPTION_NUMBER, "X", "of SGD", &given.weight_decay, 0, 1},
    {"schedule", 0, OPTION_CHOICE, NULL, "of the learning rate", &given.schedule, 0, 0,
     .choices = train_schedules},
    {"warmup", 0, OPTION_NUMBER, "EPOCHS", "the rate rises at first", &given.warmup, 0, 1000},
    {"margin", 0, OPTION_NUMBER, "DEGREES", "of ArcFace", &given.margin, 0, 90},
    {"scale", 0, OPTION_NUMBER, "X", "of ArcFace", &given.scale, 1, 256},
    {"keep", 0, OPTION_NUMBER, "WEIGHT",
     "with --freeze early or none: features stay near the backbone's; 10 is a good start", &given.keep, 0,
     10000},
    {"precision", 0, OPTION_CHOICE, NULL,
     "of what is kept from layer to layer while layers learn; bf16 takes a third less memory, and less time",
     &given.precision, 0, 0, .choices = precisions},
    {"abnormal-pool", 0, OPTION_INTEGER, "N", "abnormal photos that a frozen backbone looks at, at most",
     &given.abnormal_pool, 10, 10000000},
    {"max-bad", 0, OPTION_PERCENT, "P", "stop where more photos than that cannot be read", &given.max_bad, 0,
     1},
    {"cache-mb", 0, OPTION_INTEGER, "MB", "memory for decoded photos", &given.cache_mb, 0, 1000000},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.threads, 1,
     256},
    {"seed", 0, OPTION_SEED, "N", "of every random choice", &given.seed},
    {"checkpoint", 0, OPTION_TEXT, "FILE",
     "where a training can be resumed from (default: the gate's name + .checkpoint)", &given.checkpoint},
    {"resume", 0, OPTION_FLAG, NULL,
     "go on from the checkpoint, with the same numbers as an unbroken training", &given.resume},
    {"log", 0, OPTION_TEXT, "FILE", "figures of each validated epoch (default: the gate's name + .csv)",
     &given.log},
    {"report", 0, OPTION_TEXT, "FILE",
     "a page about the gate (default: the gate's name + .html; `none` for none)", &given.report},
    {"reference-outputs", 0, OPTION_TEXT, "DIR", "write mean_embedding.txt there, one number a line",
     &given.reference_outputs},
    {"json", 0, OPTION_FLAG, NULL, "print the result as one JSON object", &given.json},
    {0},
};

static const options_usage usage = {
    "--normal DIR [--abnormal DIR] -o GATE [options]",
    "Learns from photos what the right kind of picture is, and writes a gate.",
    rows,
    0,
    0,
};

#define TAKE(field, from)                                                                                    \
    do {                                                                                                     \
        if ((from) != NOT_GIVEN)                                                                             \
            (field) = (from);                                                                                \
    } while (0)

/* Asked for, or what the scorer reads. `auto` does not compare embeddings of a frozen backbone's features
 * (src/train/gate_fit.c): to train one would take longer than all the rest. */
static bool needs_embedding(void)
{
    wn_scorer_spec spec;
    winnow_error error;
    return given.reference_outputs || given.epochs != NOT_GIVEN || given.embedding_size != NOT_GIVEN ||
           (strcmp(given.scorer, "auto") != 0 && !wn_spec_parse(given.scorer, &spec, &error) &&
            wn_spec_features(&spec) & 1u << WN_EMBEDDING);
}

static void override(wn_train_recipe *recipe, bool pretrained)
{
    if (given.freeze != NOT_GIVEN) {
        recipe->freeze = (wn_freeze)given.freeze;
        if (pretrained && given.recipe == 0 && recipe->freeze != WN_FREEZE_BACKBONE)
            wn_train_recipe_fine_tune(recipe);
    }
    TAKE(recipe->epochs, given.epochs);
    TAKE(recipe->save_interval, given.save_interval);
    TAKE(recipe->batch, given.batch);
    if (recipe->freeze == WN_FREEZE_BACKBONE && !needs_embedding())
        recipe->input = WN_FROZEN_INPUT;
    TAKE(recipe->input, given.input_size);
    TAKE(recipe->embedding, given.embedding_size);
    TAKE(recipe->width, given.width);
    TAKE(recipe->momentum, given.momentum);
    TAKE(recipe->weight_decay, given.weight_decay);
    TAKE(recipe->warmup, given.warmup);
    TAKE(recipe->margin, given.margin);
    TAKE(recipe->scale, given.scale);
    TAKE(recipe->keep, given.keep);
    recipe->bf16 = given.precision == 1;
    if (given.learning_rate != NOT_GIVEN) {
        recipe->class_rate *= given.learning_rate / recipe->learning_rate;
        recipe->learning_rate = given.learning_rate;
    }
    if (given.augment != NOT_GIVEN)
        recipe->augment = (wn_augment_kind)given.augment;
    if (given.schedule != NOT_GIVEN)
        recipe->schedule = (wn_schedule_kind)given.schedule;
    if (given.fit != NOT_GIVEN)
        recipe->preprocess.fit = (wn_fit)given.fit;
    if (given.network)
        recipe->architecture = given.network;
    recipe->preprocess.size = recipe->input;
}

/* The backbone to start from: what was given, or the one that `make backbone` fetched; NULL for none. The
 * reference has none. */
static const char *choose_backbone(char *path, size_t size)
{
    if (given.backbone)
        return strcmp(given.backbone, "none") ? given.backbone : NULL;
    if (given.recipe == 1 || given.network || given.width != NOT_GIVEN)
        return NULL;
    return wn_backbone_default(path, size) ? path : NULL;
}

/* `asked`, or the gate's name with another ending; "" where `none` was asked. False if it is too long. */
static bool name_file(const char *asked, const char *ending, char out[4096])
{
    const char *name = given.output;
    size_t stem = strlen(name);
    if (stem > 12 && !strcmp(name + stem - 12, ".safetensors"))
        stem -= 12;
    int length = asked ? snprintf(out, 4096, "%s", strcmp(asked, "none") ? asked : "")
                       : snprintf(out, 4096, "%.*s%s", (int)stem, name, ending);
    return length < 4096;
}

/* Before any photo is read: the name of the gate, and that of the scorer. */
static int check_names(const train_request *request)
{
    wn_scorer_spec spec;
    winnow_error error;
    if (!request->output)
        return output_usage("where should the gate go? give -o FILE");
    const int name = output_check_name(request->output, "gate");
    if (name >= 0)
        return name;
    if (strcmp(request->scorer, "auto") != 0 && wn_spec_parse(request->scorer, &spec, &error))
        return output_usage("--scorer: %s", error.message);
    return -1;
}

static int check(const train_request *request)
{
    const int names = check_names(request);
    if (names >= 0)
        return names;
    if (!request->normal.count)
        return output_usage("no normal photos: give --normal DIR");
    if (request->recipe.freeze != WN_FREEZE_NONE && !request->backbone)
        return output_usage("--freeze %s needs a backbone: give --backbone FILE, or run `make backbone` once",
                            train_freezes[request->recipe.freeze]);
    if (request->recipe.freeze == WN_FREEZE_BACKBONE && request->recipe.augment != WN_AUGMENT_NONE)
        return output_usage(
            "--augment %s needs --freeze none: the features of a frozen backbone are computed once",
            train_augments[request->recipe.augment]);
    if (request->recipe.keep > 0 && (!request->backbone || request->recipe.freeze == WN_FREEZE_BACKBONE))
        return output_usage(
            "--keep is for layers of a backbone that learn: give --freeze early or none, and a "
            "--backbone");
    if (request->recipe.bf16 && request->recipe.freeze == WN_FREEZE_BACKBONE)
        return output_usage("--precision bf16 is for layers that learn: give --freeze early or none");
    if (request->recipe.freeze != WN_FREEZE_BACKBONE && !request->abnormal.count)
        return output_usage(
            "training layers needs photos of anything else: give --abnormal DIR, or a --backbone");
    if (request->resume && !request->checkpoint[0])
        return output_usage("--resume needs a checkpoint, and --checkpoint none writes none");
    return -1;
}

int command_train(int argc, char **argv)
{
    char **operands, default_backbone[4096];
    winnow_error error;
    char *command = output_command_line(argc, argv); /* before options_read puts the operands last */
    int status = options_read(&usage, argc, argv, &operands);
    if (status >= 0) {
        free(command);
        return status;
    }
    train_request request = {
        .normal = given.normal,
        .abnormal = given.abnormal,
        .valid_normal = given.valid_normal,
        .valid_abnormal = given.valid_abnormal,
        .output = given.output,
        .backbone = choose_backbone(default_backbone, sizeof default_backbone),
        .reference_outputs = given.reference_outputs,
        .scorer = given.scorer,
        .promise = {given.false_reject, given.confidence},
        .max_bad = given.max_bad,
        .cache_mb = given.cache_mb,
        .threads = given.threads ? given.threads : wn_cpu_count(),
        .pool = given.abnormal_pool,
        .seed = given.seed,
        .classes = given.classes,
        .embedding = needs_embedding(),
        .resume = given.resume,
        .json = given.json,
        .advice = given.advice,
        .command = command ? command : "",
    };
    if (wn_train_recipe_named(recipes[given.recipe], request.backbone != NULL, &request.recipe, &error))
        status = output_failure(&error);
    else
        override(&request.recipe, request.backbone != NULL);
    if (status < 0 && given.output &&
        !(name_file(given.checkpoint, ".checkpoint", request.checkpoint) &&
          name_file(given.log, ".csv", request.log) && name_file(given.report, ".html", request.report)))
        status = output_usage("the name of the gate is too long");
    if (status < 0)
        status = check(&request);
    if (status < 0)
        status = train_run(&request);
    free(request.normal.item);
    free(request.abnormal.item);
    free(request.valid_normal.item);
    free(request.valid_abnormal.item);
    free(command);
    return status;
}
