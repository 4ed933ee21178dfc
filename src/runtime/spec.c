/* SPDX-License-Identifier: Apache-2.0
 * How a scorer is written: parts separated by commas, each KIND:FEATURE+FEATURE[:centred]. */
#include "scorer.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[WN_SCORER_KINDS] = {"cosine",         "prototypes",  "knn",
                                                        "knn_difference", "mahalanobis", "relative",
                                                        "discriminant",   "logistic",    "arcface"};

const char *wn_scorer_kind_name(wn_scorer_kind kind)
{
    return (unsigned)kind < WN_SCORER_KINDS ? kind_names[kind] : "?";
}

/* Whether text[length] is exactly `name`. */
static bool is(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && !memcmp(text, name, length);
}

static winnow_status parse_features(const char *text, size_t length, unsigned *features, winnow_error *error)
{
    for (const char *end = text + length; text <= end;) {
        size_t word = strcspn(text, "+:,");
        unsigned found = 0;
        for (int f = 0; f < WN_FEATURES; f++)
            if (is(text, word, wn_feature_name(f)))
                found = 1u << f;
        if (!found || *features & found)
            return wn_fail(
                error, WINNOW_ERROR_ARGUMENT, -1,
                "a scorer looks at bottleneck, pooled, embedding, early and middle (or a sum such as "
                "bottleneck+early), not at '%.*s'",
                (int)word, text);
        *features |= found;
        text += word + 1;
    }
    return WINNOW_OK;
}

static winnow_status parse_part(const char *text, size_t length, wn_spec_part *part, winnow_error *error)
{
    size_t word = strcspn(text, ":,");
    int kind = 0;
    while (kind < WN_SCORER_KINDS && !is(text, word, kind_names[kind]))
        kind++;
    if (kind == WN_SCORER_KINDS)
        return wn_fail(
            error, WINNOW_ERROR_ARGUMENT, -1,
            "there is no scorer '%.*s'; there are cosine, prototypes, knn, knn_difference, mahalanobis, "
            "relative, discriminant, logistic and arcface",
            (int)word, text);
    *part = (wn_spec_part){.kind = kind};
    if (word == length) {
        part->features = 1u << (kind == WN_ARCFACE ? WN_EMBEDDING : WN_BOTTLENECK);
        return WINNOW_OK;
    }
    const char *features = text + word + 1, *end = text + length;
    size_t size = strcspn(features, ":,");
    winnow_status status = parse_features(features, size, &part->features, error);
    if (status)
        return status;
    if (features + size < end) {
        const char *flag = features + size + 1;
        if (!is(flag, (size_t)(end - flag), "centred"))
            return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                           "expected 'centred' after the features, not '%.*s'", (int)(end - flag), flag);
        part->centred = true;
    }
    if (kind == WN_ARCFACE && (part->features != 1u << WN_EMBEDDING || part->centred))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "arcface looks at the embedding alone");
    return WINNOW_OK;
}

winnow_status wn_spec_parse(const char *text, wn_scorer_spec *spec, winnow_error *error)
{
    *spec = (wn_scorer_spec){0};
    for (;;) {
        size_t length = strcspn(text, ",");
        if (spec->parts == WN_MAX_PARTS)
            return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "a gate has at most %d scorers", WN_MAX_PARTS);
        winnow_status status = parse_part(text, length, &spec->part[spec->parts++], error);
        if (status)
            return status;
        if (!text[length])
            return WINNOW_OK;
        text += length + 1;
    }
}

void wn_spec_format(const wn_scorer_spec *spec, char text[WN_SPEC_TEXT])
{
    size_t at = 0;
    text[0] = 0;
    for (int p = 0; p < spec->parts; p++) {
        const wn_spec_part *part = spec->part + p;
        at += (size_t)snprintf(text + at, WN_SPEC_TEXT - at, "%s%s", p ? "," : "", kind_names[part->kind]);
        char separator = ':';
        for (int f = 0; f < WN_FEATURES; f++)
            if (part->features >> f & 1) {
                at += (size_t)snprintf(text + at, WN_SPEC_TEXT - at, "%c%s", separator, wn_feature_name(f));
                separator = '+';
            }
        if (part->centred)
            at += (size_t)snprintf(text + at, WN_SPEC_TEXT - at, ":centred");
    }
}

unsigned wn_spec_features(const wn_scorer_spec *spec)
{
    unsigned features = 0;
    for (int p = 0; p < spec->parts; p++)
        features |= spec->part[p].features;
    return features;
}

bool wn_spec_needs_abnormals(const wn_scorer_spec *spec)
{
    bool needs = false;
    for (int p = 0; p < spec->parts; p++) {
        wn_scorer_kind kind = spec->part[p].kind;
        needs |=
            kind == WN_RELATIVE || kind == WN_DISCRIMINANT || kind == WN_LOGISTIC || spec->part[p].centred;
    }
    return needs;
}

bool wn_spec_uses_abnormals(const wn_scorer_spec *spec)
{
    bool uses = wn_spec_needs_abnormals(spec);
    for (int p = 0; p < spec->parts; p++)
        uses |= spec->part[p].kind == WN_KNN_DIFFERENCE;
    return uses;
}
