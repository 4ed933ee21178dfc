/* SPDX-License-Identifier: Apache-2.0
 *
 * What `winnow eval` puts on its page. */
#include "eval.h"

#include "../src/runtime/error.h"
#include "../src/train/metrics.h"
#include "diagnosis.h"
#include "promise.h"
#include "provenance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static report_rate rate(size_t part, size_t whole)
{
    const wn_interval interval = wn_rate_interval(part, whole, 0.95);
    return (report_rate){whole ? (double)part / (double)whole : NAN, interval.low, interval.high, NULL};
}

const char *eval_promise_words(const evaluation *e)
{
    static const char *const words[] = {[REPORT_OPEN] = ", but do not contradict the promise",
                                        [REPORT_KEPT] = ", but the promise is kept",
                                        [REPORT_ABOVE] = ", and more are turned away than was asked",
                                        [REPORT_BROKEN] = "; the promise is not kept"};
    return words[e->drift.promise];
}

/* The photos that could be read, and their embeddings side by side. */
static size_t list_photos(const evaluation *e, report_photo *photo, float *feature, size_t feature_size)
{
    size_t count = 0;
    for (int label = 1; label >= 0; label--) {
        const eval_side *s = &e->side[label];
        for (size_t i = 0; s->set && i < s->set->count; i++) {
            if (s->judged[i].failed)
                continue;
            const winnow_result *result = &s->judged[i].result;
            memcpy(feature + count * feature_size, s->embedding + i * feature_size,
                   feature_size * sizeof *feature);
            photo[count++] = (report_photo){s->set->photo[i].path,
                                            s->set->subfolder.name[s->set->photo[i].subfolder],
                                            label != 0,
                                            result->similarity,
                                            result->p_value,
                                            result->verdict};
        }
    }
    return count;
}

static const char *metadata_of(const void *gate, const char *key)
{
    return winnow_gate_metadata(gate, key);
}

/* What the promise was: the words of the gate file, for people. */
static void describe_promise(const winnow_gate *gate, char *text, size_t size)
{
    const char *confidence = winnow_gate_metadata(gate, "winnow.confidence");
    const promise_basis basis = promise_basis_read(metadata_of, gate);
    char certainty[96], new[64];
    const char *whom = promise_new(&basis, new);
    snprintf(text, size, "at most %.3g%% of normals rejected, %s%s%s",
             100 * (double)winnow_gate_false_reject(gate),
             promise_certainty(confidence ? atof(confidence) : 0, basis.groups, certainty),
             whom ? ", on " : "",
             whom                                 ? whom
             : confidence && atof(confidence) > 0 ? ""
                                                  : ", on photos like those it was calibrated on");
}

static void describe_drift(const evaluation *e, char *text, size_t size)
{
    if (isnan(e->drift.significance))
        snprintf(text, size, "too few normals to tell");
    else if (!e->drift.leans)
        snprintf(text, size, "these normals look like those it was calibrated on");
    else
        snprintf(text, size, "these normals look less normal than those it was calibrated on%s",
                 eval_promise_words(e));
}

static void hash_of(const evaluation *e, int label, char hash[33])
{
    strcpy(hash, "none");
    if (e->side[label].set)
        wn_dataset_hash(e->side[label].set, hash);
}

static winnow_status write_page(const evaluation *e, report_page *page, const char *path, winnow_error *error)
{
    char excuse[128], promise[256], here[256], basis[128], data[80], normal_hash[33], abnormal_hash[33],
        seconds[32];
    const char *count = winnow_gate_metadata(e->gate, "winnow.calibration.count");
    const promise_basis rests = promise_basis_read(metadata_of, e->gate);
    char sources[64];
    drift_excuse(&e->basis, excuse, sizeof excuse);
    page->excuse = excuse;
    describe_promise(e->gate, promise, sizeof promise);
    describe_drift(e, here, sizeof here);
    snprintf(basis, sizeof basis, "%s normals of %s", count ? count : "?", promise_sources(&rests, sources));
    provenance_lines made;
    provenance_of_gate(e->gate, &made);
    hash_of(e, 1, normal_hash);
    hash_of(e, 0, abnormal_hash);
    snprintf(data, sizeof data, "normal %.16s, abnormal %.16s", normal_hash, abnormal_hash);
    snprintf(seconds, sizeof seconds, "%.1f s", e->seconds);
    const report_fact calibration[] = {{"promise", promise},
                                       {"calibrated on", basis},
                                       {"scorer", winnow_gate_metadata(e->gate, "winnow.scorer")},
                                       {"here", here},
                                       {0}};
    const report_fact provenance[] = {{"command", e->command},
                                      {"data hash", data},
                                      {"time", seconds},
                                      {"gate", e->gate_path},
                                      {"gate made by", winnow_gate_metadata(e->gate, "winnow.command")},
                                      {"gate's settings", made.options},
                                      {"gate's backbone", made.backbone},
                                      {"gate's seed", made.seed},
                                      {"gate's photos", made.photos},
                                      {"gate made", winnow_gate_metadata(e->gate, "winnow.created")},
                                      {"winnow", WINNOW_VERSION},
                                      {0}};
    report_diagnosis diagnosis = {0};
    if (e->diagnosis) {
        diagnosis = diagnosis_page(e->diagnosis, e->class_name, 0);
        page->diagnosis = &diagnosis;
    }
    page->calibration = calibration;
    page->provenance = provenance;
    return report_write(page, path, error);
}

winnow_status eval_write_report(const evaluation *e, const char *path, winnow_error *error)
{
    const eval_side *abnormal = &e->side[0], *normal = &e->side[1];
    const size_t most = normal->count + abnormal->count + 1,
                 feature_size = (size_t)winnow_gate_embedding_size(e->gate);
    report_photo *photo = calloc(most, sizeof *photo);
    float *feature = malloc(most * feature_size * sizeof *feature);
    winnow_status status = photo && feature ? WINNOW_OK : wn_fail_memory(error);
    if (!status) {
        const char *slash = strrchr(e->gate_path, '/');
        report_page page = {.title = slash ? slash + 1 : e->gate_path,
                            .photo = photo,
                            .photo_count = list_photos(e, photo, feature, feature_size),
                            .feature = feature,
                            .feature_size = (int)feature_size,
                            .auroc = e->auroc,
                            .fpr_at_95_tpr = e->fpr_at_95_tpr,
                            .false_reject = rate(normal->count - normal->accepted, normal->count),
                            .abnormal_accept = rate(abnormal->accepted, abnormal->count),
                            .asked_false_reject = (double)winnow_gate_false_reject(e->gate),
                            .promise = e->drift.promise,
                            .threshold = winnow_gate_threshold(e->gate),
                            .score_name = "similarity"};
        status = write_page(e, &page, path, error);
    }
    free(photo);
    free(feature);
    return status;
}
