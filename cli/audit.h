/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow audit` in parts: audit.c reads folders, audit_find.c looks at the photos, audit_show.c tells what
 * was found. The report of `winnow train` has a section of the same. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "../src/report/report.h"
#include "../src/train/audit.h"
#include "../src/train/dataset.h"

typedef enum audit_kind {
    AUDIT_UNREADABLE,
    AUDIT_COPY,
    AUDIT_NEAR,
    AUDIT_MISLABELLED,
    AUDIT_ODD,
    AUDIT_BLURRED,
    AUDIT_DARK,
    AUDIT_TINY,
    AUDIT_KINDS
} audit_kind;

typedef struct audit_finding {
    audit_kind kind;
    size_t photo, other; /* indices into path; other: the copy's original, else the photo itself */
    double value;        /* what was measured: higher is worse */
    char *note;          /* owned */
} audit_finding;

typedef struct audit_result {
    const char *const *folder; /* [folders] as they were given: each holds one kind of photo */
    size_t folders;
    wn_dataset **set; /* [folders], for sources; NULL where one holds no photo */
    const char *const *path;
    size_t count;
    wn_audit_photo *photo;  /* [count], owned */
    audit_finding *finding; /* by kind, worst first; owned */
    size_t findings;
    bool compared; /* features were at hand: likely mistakes were looked for */
} audit_result;

/* What to look at. label: 0 to folders-1. feature: (count, dim), L2-normalised, or NULL. */
typedef struct audit_photos {
    const char *const *path;
    const int *label;
    size_t count;
    const float *feature;
    int dim;
} audit_photos;

/* Fills all of result but folder, folders and set; folders must be set. Free with audit_result_free, also
 * after a failure. */
winnow_status audit_find(const audit_photos *photos, wn_pool *pool, audit_result *result,
                         winnow_error *error);
void audit_result_free(audit_result *result);

void audit_print(const audit_result *result);
int audit_json(const audit_result *result); /* returns an exit status */
winnow_status audit_report(const audit_result *result, const char *path, winnow_error *error);

/* The findings for a page; item: [findings]. */
void audit_page(const audit_result *result, report_audit_item *item, report_audit_kind kind[AUDIT_KINDS]);

#endif
