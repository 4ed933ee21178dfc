/* SPDX-License-Identifier: Apache-2.0 */
#include "provenance.h"

#include "train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE = 128 };

/* What must have happened for an option to act. */
typedef enum acts {
    ACTS_ALWAYS,
    ACTS_WITH_BACKBONE,
    ACTS_FROM_RANDOM,     /* weights */
    ACTS_ON_AN_EMBEDDING, /* one was trained, alone or with the layers below it */
    ACTS_ON_LAYERS,
    ACTS_TO_KEEP /* layers of a backbone that learn */
} acts;

static const struct {
    const char *name;
    acts when;
    const char *const *choices; /* what the numbers in the file stand for, or NULL */
} options[] = {
    {"recipe", ACTS_ALWAYS, NULL},
    {"network", ACTS_FROM_RANDOM, NULL},
    {"width", ACTS_FROM_RANDOM, NULL},
    {"input-size", ACTS_ALWAYS, NULL},
    {"embedding-size", ACTS_ON_AN_EMBEDDING, NULL},
    {"fit", ACTS_ALWAYS, train_fits},
    {"augment", ACTS_ON_LAYERS, train_augments},
    {"freeze", ACTS_WITH_BACKBONE, train_freezes},
    {"epochs", ACTS_ON_AN_EMBEDDING, NULL},
    {"save-interval", ACTS_ON_AN_EMBEDDING, NULL},
    {"batch", ACTS_ON_AN_EMBEDDING, NULL},
    {"learning-rate", ACTS_ON_AN_EMBEDDING, NULL},
    {"momentum", ACTS_ON_AN_EMBEDDING, NULL},
    {"weight-decay", ACTS_ON_AN_EMBEDDING, NULL},
    {"schedule", ACTS_ON_AN_EMBEDDING, train_schedules},
    {"warmup", ACTS_ON_AN_EMBEDDING, NULL},
    {"margin", ACTS_ON_AN_EMBEDDING, NULL},
    {"scale", ACTS_ON_AN_EMBEDDING, NULL},
    {"keep", ACTS_TO_KEEP, NULL},
    {"precision", ACTS_ON_LAYERS, NULL},
};

/* The value of name=value among the words of text, or "". */
static const char *find(const char *text, const char *name, char value[VALUE])
{
    const size_t length = strlen(name);
    value[0] = 0;
    for (const char *word = text; *word; word += strspn(word, " \n")) {
        const size_t end = strcspn(word, " \n");
        if (end > length && word[length] == '=' && !strncmp(word, name, length))
            snprintf(value, VALUE, "%.*s", (int)(end - length - 1), word + length + 1);
        word += end;
    }
    return value;
}

/* The word that a number stands for; the number itself where there is none. */
static const char *choice(const char *const *choices, const char *value)
{
    for (int i = 0; choices && choices[i]; i++)
        if (atoi(value) == i)
            return choices[i];
    return value;
}

static bool did_act(acts when, const char *value, bool backbone, bool layers, bool embedding)
{
    switch (when) {
    case ACTS_WITH_BACKBONE:
        return backbone;
    case ACTS_FROM_RANDOM:
        return !backbone;
    case ACTS_ON_AN_EMBEDDING:
        return layers || embedding;
    case ACTS_ON_LAYERS:
        return layers;
    case ACTS_TO_KEEP:
        return layers && backbone && atof(value) > 0;
    default:
        return true;
    }
}

static void list_options(const char *settings, bool backbone, bool embedding, char text[PROVENANCE_TEXT])
{
    char value[VALUE];
    const bool layers = atoi(find(settings, "freeze", value)) != WN_FREEZE_BACKBONE;
    size_t length = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options && length < PROVENANCE_TEXT; i++)
        if (find(settings, options[i].name, value)[0] &&
            did_act(options[i].when, value, backbone, layers, embedding))
            length += (size_t)snprintf(text + length, PROVENANCE_TEXT - length, "%s--%s %s",
                                       length ? " " : "", options[i].name, choice(options[i].choices, value));
}

/* "normal ..., abnormal ...": the file has the folders' hashes with dashes between them. */
static void list_photos(const char *hashes, char *text, size_t size)
{
    static const char *const kinds[] = {"normal", "abnormal", "validation normal", "validation abnormal"};
    size_t length = 0;
    text[0] = 0;
    for (size_t kind = 0; kind < 4 && length < size; kind++) {
        const size_t end = strcspn(hashes, "-");
        if (end)
            length += (size_t)snprintf(text + length, size - length, "%s%s %.*s", length ? ", " : "",
                                       kinds[kind], (int)end, hashes);
        hashes += end + (hashes[end] == '-');
    }
}

void provenance_read(const char *settings, bool embedding, const char *backbone, provenance_lines *out)
{
    char hash[VALUE], value[VALUE];
    *out = (provenance_lines){0};
    settings = settings ? settings : "";
    find(settings, "backbone", hash);
    const bool known = hash[0] && strcmp(hash, "none");
    list_options(settings, known, embedding, out->options);
    snprintf(out->seed, sizeof out->seed, "%.31s", find(settings, "seed", value));
    list_photos(find(settings, "photos", value), out->photos, sizeof out->photos);
    snprintf(out->backbone, sizeof out->backbone, known ? "%s (hash %s)" : "%s", backbone ? backbone : "none",
             hash);
}

void provenance_of_gate(const winnow_gate *gate, provenance_lines *out)
{
    const char *embedding = winnow_gate_metadata(gate, "winnow.embedding");
    provenance_read(winnow_gate_metadata(gate, "winnow.settings"), embedding && strcmp(embedding, "0"),
                    winnow_gate_metadata(gate, "winnow.backbone"), out);
}
