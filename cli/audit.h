/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow audit` in parts: audit.c looks at the photos, audit_show.c tells what was found. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

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
    size_t photo, other; /* indices into file; other: the copy's original, else the photo itself */
    double value;        /* what was measured: higher is worse */
    char *note;          /* owned */
} audit_finding;

typedef struct audit_result {
    const char *const *folder; /* [folders] as they were given: each holds one kind of photo */
    size_t folders;
    wn_dataset **set; /* [folders], for sources; NULL where one holds no photo */
    const wn_scan_file *file;
    size_t count;
    const wn_audit_photo *photo;
    audit_finding *finding; /* by kind, worst first */
    size_t findings;
    bool compared; /* features were at hand: likely mistakes were looked for */
} audit_result;

void audit_print(const audit_result *result);
int audit_json(const audit_result *result); /* returns an exit status */
winnow_status audit_report(const audit_result *result, const char *path, winnow_error *error);

#endif
