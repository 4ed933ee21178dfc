/* SPDX-License-Identifier: Apache-2.0
 *
 *     bench_scorers [--unseen] [--collector PREFIX] GATE [SPEC...]
 *
 * Every scorer and feature on the photos that a gate remembers, as markdown: each source of normals is left
 * out in turn, and with it each kind of abnormals; a scorer is fitted to and calibrated on the rest, and
 * judges what was left out. GATE is one that tools/accuracy.py makes of all photos, whose sources are named
 * as in `kinds` below; its features must be a frozen backbone's, which learned from none of them.
 * With --collector, sources of normals whose names begin with PREFIX are left out together: one collector's.
 * With --unseen, scorers are given the everyday abnormals of `given_kinds` alone, and all other kinds are
 * judged: what `winnow train` and `winnow eval` say, from one pass of the network. */
#include "runtime/cross.h"
#include "runtime/gate_file.h"
#include "train/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KINDS = 6, EVERYDAY = 3 };

/* What a source's name starts with; the first three are everyday scenes. */
static const char *const kinds[KINDS] = {"coco", "imagenet", "bsds", "chilli", "flowers", "maize"};
static const bool given_kinds[KINDS] = {false, true, true}; /* with --unseen */
static const char *const field_sources[] = {"riceleafdisease_web_mix", "sethy_field_patches"};

static const char *const default_specs[] = {
    "cosine:bottleneck",
    "cosine:pooled",
    "prototypes:bottleneck",
    "prototypes:pooled",
    "knn:bottleneck",
    "knn:pooled",
    "knn_difference:bottleneck",
    "knn_difference:pooled",
    "mahalanobis:bottleneck",
    "mahalanobis:pooled",
    "relative:bottleneck",
    "relative:pooled",
    "discriminant:bottleneck",
    "discriminant:pooled",
    "logistic:bottleneck",
    "logistic:pooled",
    "knn:bottleneck,mahalanobis:bottleneck",
    "knn:bottleneck,discriminant:bottleneck",
    "knn:bottleneck,logistic:bottleneck",
    "knn:bottleneck,logistic:bottleneck+early",
    "knn:bottleneck,logistic:bottleneck+early+middle",
    "knn:bottleneck+early,logistic:bottleneck+early",
    "logistic:bottleneck+early",
    "logistic:early",
    "knn:early",
    "knn:pooled,logistic:pooled",
    "knn:bottleneck,logistic:pooled",
    "knn:pooled,logistic:bottleneck",
    "knn:pooled,discriminant:pooled",
    "knn:pooled,logistic:pooled+early",
};

typedef struct tally {
    double sum, worst, field;
    int count, fields;
} tally;

typedef struct bench {
    const wn_gate_file *gate;
    int source[WN_MAX_GROUPS],
        sources;                     /* of each group of normals, what is left out with it; -1: abnormals */
    const char *name[WN_MAX_GROUPS]; /* of the first group of each source */
    int kind[WN_MAX_GROUPS];         /* of each group; -1: normals */
    float *own, *other;              /* scores of normals and abnormals */
    float *scratch;
    tally area[KINDS], rejected, accepted[KINDS];
    bool unseen; /* given_kinds[] are given to scorers, and no other */
    double seconds, kilobytes;
    int fits;
} bench;

static void put(tally *t, double value, bool high_is_worse, bool field)
{
    if (!t->count || (high_is_worse ? value > t->worst : value < t->worst))
        t->worst = value;
    t->sum += value;
    t->count++;
    t->field += field ? value : 0;
    t->fields += field;
}

/* Of this thread, so that other work on the machine does not count. */
static double seconds_of_processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const winnow_error *error)
{
    fprintf(stderr, "bench_scorers: %s\n", error->message);
    exit(1);
}

static bool begins_with(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* The source that `group` belongs to: its own, or the one before it of the same collector. */
static int source_of(bench *b, int group, const char *collector)
{
    const char *name = b->gate->group_name[group];
    for (int s = 0; collector && begins_with(name, collector) && s < b->sources; s++)
        if (begins_with(b->name[s], collector))
            return s;
    b->name[b->sources] = name;
    return b->sources++;
}

static void find_groups(bench *b, const char *collector)
{
    const wn_samples *memory = &b->gate->memory;
    for (int g = 0; g < b->gate->groups; g++) {
        bool normal = false;
        for (int i = 0; i < memory->count; i++)
            normal |= memory->group[i] == g && memory->label[i] != WN_ABNORMAL;
        b->kind[g] = -1;
        for (int k = 0; k < KINDS && !normal; k++)
            if (begins_with(b->gate->group_name[g], kinds[k]))
                b->kind[g] = k;
        b->source[g] = normal ? source_of(b, g, collector) : -1;
    }
}

/* Whether a scorer that judges `kind` (-1: all kinds) is given that group. */
static bool is_given(const bench *b, int group, int kind)
{
    const int own = b->kind[group];
    return own < 0 || (b->unseen ? given_kinds[own] : own != kind);
}

/* The samples without one source and what is judged, copied. */
static wn_samples without(const bench *b, int source, int kind)
{
    const wn_samples *memory = &b->gate->memory;
    wn_samples rest;
    winnow_error error;
    wn_samples_init(&rest, memory->dim);
    for (int i = 0; i < memory->count; i++) {
        const int group = memory->group[i];
        const float *feature[WN_FEATURES];
        if (b->source[group] == source || !is_given(b, group, kind))
            continue;
        for (int f = 0; f < WN_FEATURES; f++)
            feature[f] = memory->feature[f] ? memory->feature[f] + (size_t)i * (size_t)memory->dim[f] : NULL;
        if (wn_samples_add(&rest, feature, memory->label[i], group, &error))
            die(&error);
    }
    return rest;
}

static size_t score_group(const bench *b, const wn_scorer *scorer, int source, int kind, float *score)
{
    const wn_samples *memory = &b->gate->memory;
    size_t count = 0;
    for (int i = 0; i < memory->count; i++)
        if (kind >= 0 ? b->kind[memory->group[i]] == kind && memory->label[i] == WN_ABNORMAL
                      : b->source[memory->group[i]] == source) {
            const float *feature[WN_FEATURES];
            for (int f = 0; f < WN_FEATURES; f++)
                feature[f] =
                    memory->feature[f] ? memory->feature[f] + (size_t)i * (size_t)memory->dim[f] : NULL;
            score[count++] = wn_scorer_score(scorer, feature, b->scratch);
        }
    return count;
}

static double share_below(const float *score, size_t count, float threshold)
{
    size_t below = 0;
    for (size_t i = 0; i < count; i++)
        below += score[i] < threshold;
    return count ? (double)below / (double)count : 0;
}

static void judge(bench *b, const wn_scorer *scorer, float threshold, int source, int kind)
{
    bool field = false;
    for (size_t i = 0; i < sizeof field_sources / sizeof *field_sources; i++)
        field |= !strcmp(b->name[source], field_sources[i]);
    const size_t normals = score_group(b, scorer, source, -1, b->own);
    const size_t abnormals = score_group(b, scorer, source, kind, b->other);
    wn_roc roc;
    winnow_error error;
    if (wn_roc_create(b->own, normals, b->other, abnormals, &roc, &error))
        die(&error);
    put(&b->area[kind], roc.auroc, false, field);
    wn_roc_free(&roc);
    put(&b->accepted[kind], 1 - share_below(b->other, abnormals, threshold), true, field);
    if (kind == 0)
        put(&b->rejected, share_below(b->own, normals, threshold), true, field);
}

static void fit_and_judge(bench *b, const wn_scorer_spec *spec, int source, int first_kind, int last_kind)
{
    wn_samples rest = without(b, source, first_kind == last_kind ? first_kind : -1);
    wn_folds folds;
    wn_scorer scorer;
    wn_calibration calibration;
    winnow_error error;
    float *score = malloc(((size_t)rest.count + 1) * sizeof *score);
    const double began = seconds_of_processor();
    if (!score || wn_folds_create(&rest, &folds, &error) ||
        wn_cross_fit(spec, &rest, &folds, &b->gate->classes, false, &scorer, score, &error) ||
        wn_cross_calibrate(&rest, &folds, score, (wn_promise){0.05, 0}, &calibration, &error))
        die(&error);
    b->seconds += seconds_of_processor() - began;
    b->fits++;
    for (int kind = first_kind; kind <= last_kind; kind++)
        if (!b->unseen || !given_kinds[kind])
            judge(b, &scorer, calibration.threshold, source, kind);
    b->kilobytes = 0;
    for (int p = 0; p < scorer.parts; p++)
        for (int t = 0; t < WN_PART_TABLES; t++)
            b->kilobytes += 4e-3 * scorer.part[p].table[t].rows * scorer.part[p].table[t].cols;
    wn_calibration_free(&calibration);
    wn_scorer_free(&scorer);
    wn_folds_free(&folds);
    wn_samples_free(&rest);
    free(score);
}

/* AUROC (worst source), and the share accepted, of what no scorer was given. */
static void print_unseen(const bench *b, const char *text)
{
    printf("| `%s` ", text);
    for (int k = EVERYDAY; k < KINDS + 1; k++) {
        const int kind = k < KINDS ? k : 0;
        const tally *area = &b->area[kind], *accepted = &b->accepted[kind];
        printf("| %.4f (%.3f), %.2f%% ", area->sum / area->count, area->worst,
               100 * accepted->sum / accepted->count);
    }
    printf("| %.1f%% (%.1f%%) |\n", 100 * b->rejected.sum / b->rejected.count, 100 * b->rejected.worst);
    fflush(stdout);
}

static void print_row(const bench *b, const char *text)
{
    tally everyday = {0};
    for (int k = 0; k < EVERYDAY; k++) {
        everyday.sum += b->area[k].sum;
        everyday.count += b->area[k].count;
        everyday.worst = !k || b->area[k].worst < everyday.worst ? b->area[k].worst : everyday.worst;
    }
    printf("| `%s` | %.4f (%.3f) ", text, everyday.sum / everyday.count, everyday.worst);
    for (int k = EVERYDAY; k < KINDS; k++)
        printf("| %.3f (%.3f) ", b->area[k].sum / b->area[k].count,
               b->area[k].fields ? b->area[k].field / b->area[k].fields : 0);
    printf("| %.1f%% (%.1f%%) | %.2f%% | %.2f s | %.0f KB |\n", 100 * b->rejected.sum / b->rejected.count,
           100 * b->rejected.worst, 100 * b->accepted[0].sum / b->accepted[0].count, b->seconds / b->fits,
           b->kilobytes);
    fflush(stdout);
}

static void measure(bench *b, const char *text)
{
    wn_scorer_spec spec;
    winnow_error error;
    if (wn_spec_parse(text, &spec, &error))
        die(&error);
    memset(b->area, 0, sizeof b->area);
    memset(b->accepted, 0, sizeof b->accepted);
    b->rejected = (tally){0};
    b->seconds = b->fits = 0;
    const bool looks = wn_spec_uses_abnormals(&spec) && !b->unseen; /* one fit for each kind */
    for (int s = 0; s < b->sources; s++)
        for (int kind = 0; kind < (looks ? KINDS : 1); kind++)
            fit_and_judge(b, &spec, s, kind, looks ? kind : KINDS - 1);
    (b->unseen ? print_unseen : print_row)(b, text);
}

int main(int argc, char **argv)
{
    wn_gate_file gate;
    winnow_error error;
    static bench b;
    const char *collector = NULL;
    for (; argc > 1 && argv[1][0] == '-'; argv++, argc--)
        if (!strcmp(argv[1], "--unseen")) {
            b.unseen = true;
        } else if (!strcmp(argv[1], "--collector") && argc > 2) {
            collector = argv[2];
            argv++;
            argc--;
        } else {
            break;
        }
    if (argc < 2 || argv[1][0] == '-') {
        fputs("usage: bench_scorers [--unseen] [--collector PREFIX] GATE [SPEC...]\n", stderr);
        return 2;
    }
    if (wn_gate_file_read(argv[1], true, &gate, &error))
        die(&error);
    const size_t count = (size_t)gate.memory.count;
    b.gate = &gate;
    b.own = malloc((count + 1) * sizeof *b.own);
    b.other = malloc((count + 1) * sizeof *b.other);
    b.scratch = malloc(WN_FEATURES * WN_MAX_DIM * sizeof *b.scratch);
    if (!b.own || !b.other || !b.scratch)
        return 1;
    find_groups(&b, collector);
    puts(b.unseen
             ? "| scorer | weeds | flowers | maize | everyday | normals rejected (worst) "
               "|\n|---|---|---|---|---|---|"
             : "| scorer | everyday (worst) | weeds (field) | flowers (field) | maize (field) | normals "
               "rejected "
               "(worst) | "
               "everyday accepted | fit and calibrate | tables |\n|---|---|---|---|---|---|---|---|---|");
    for (int i = 2; i < argc; i++)
        measure(&b, argv[i]);
    for (size_t i = 0; i < sizeof default_specs / sizeof *default_specs && argc == 2; i++)
        measure(&b, default_specs[i]);
    free(b.own);
    free(b.other);
    free(b.scratch);
    wn_gate_file_free(&gate);
    return 0;
}
