/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow eval --classes`: what the diagnosis says of each photo, against its folder. */
#include "eval.h"

#include "../src/runtime/error.h"

#include <stdlib.h>
#include <string.h>

static int class_named(const evaluation *e, int classes, const char *name)
{
    for (int c = 0; c < classes; c++)
        if (!strcmp(e->class_name[c], name))
            return c;
    return -1;
}

static winnow_status add_answers(const evaluation *e, int label, int classes, wn_answer *answer,
                                 size_t *count, winnow_error *error)
{
    const eval_side *s = &e->side[label];
    for (size_t i = 0; s->set && i < s->set->count; i++) {
        if (s->judged[i].failed)
            continue;
        const wn_photo *photo = &s->set->photo[i];
        const winnow_result *result = &s->judged[i].result;
        const char *name = photo->class_name < 0 ? NULL : s->set->class_name.name[photo->class_name];
        const int class = label && name ? class_named(e, classes, name) : -1;
        if (label && !name)
            return wn_fail(error, WINNOW_ERROR_DATA, -1,
                           "%s: this normal photo lies in no subfolder, so it has no class (--classes)",
                           photo->path);
        if (label && class < 0)
            return wn_fail(error, WINNOW_ERROR_DATA, -1,
                           "%s: the gate knows no class '%s' (`winnow info` lists those that it does)",
                           photo->path, name);
        answer[(*count)++] = (wn_answer){class, result->class_index, result->class_probability,
                                         result->verdict == WINNOW_NORMAL};
    }
    return WINNOW_OK;
}

winnow_status eval_diagnose(evaluation *e, double confident, winnow_error *error)
{
    const int classes = winnow_gate_class_count(e->gate);
    if (!classes)
        return wn_fail(error, WINNOW_ERROR_DATA, -1,
                       "%s: this gate tells no classes: train it with --classes", e->gate_path);
    size_t count = 0;
    wn_answer *answer = malloc((e->side[0].count + e->side[1].count + 1) * sizeof *answer);
    const char **name = malloc((size_t)classes * sizeof *name);
    e->class_name = name;
    e->diagnosis = calloc(1, sizeof *e->diagnosis);
    winnow_status status = answer && name && e->diagnosis ? WINNOW_OK : wn_fail_memory(error);
    for (int c = 0; c < classes && !status; c++)
        name[c] = winnow_gate_class_name(e->gate, c);
    for (int label = 1; label >= 0 && !status; label--)
        status = add_answers(e, label, classes, answer, &count, error);
    if (!status)
        status = wn_diagnosis_measure(answer, count, classes, confident, e->diagnosis, error);
    free(answer);
    return status;
}
