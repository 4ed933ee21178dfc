/* SPDX-License-Identifier: Apache-2.0
 *
 * How `train --classes` and `eval --classes` show what the diagnosis is worth. */
#ifndef CLI_DIAGNOSIS_H
#define CLI_DIAGNOSIS_H

#include "../src/report/report.h"
#include "../src/train/diagnosis.h"

#include <jansson.h>

#define CONFIDENT_ANSWER 0.9 /* from this probability on an answer is one that a user trusts */

/* name[diagnosis->classes] */
void diagnosis_print(const wn_diagnosis *diagnosis, const char *const *name);
json_t *diagnosis_json(const wn_diagnosis *diagnosis, const char *const *name);

/* The same for the page; it borrows from both. left_out: photos that it could not be measured on. */
report_diagnosis diagnosis_page(const wn_diagnosis *diagnosis, const char *const *name, size_t left_out);

#endif
