/* SPDX-License-Identifier: Apache-2.0
 * The sections of the page that are long enough for a file of their own. */
#ifndef WN_REPORT_SECTIONS_H
#define WN_REPORT_SECTIONS_H

#include "report.h"
#include "text.h"

/* From the doctype to the title; the page ends with </main></body></html>. */
void section_page_begin(text *out, const char *title);

/* Around a table that may be wider than the screen, so that a keyboard reaches what sticks out; ends with
 * </div>. */
void section_scroll_begin(text *out, const char *label);

/* What became of the photos of one folder and label. */
typedef struct group_tally {
    const char *name;
    bool normal;
    size_t count, accepted, unsure;
} group_tally;

/* Share of the photos that were judged wrongly. */
double group_errors(const group_tally *group);

/* Tallies in the order of the photos, normals first; malloc'ed. NULL: no memory. */
group_tally *section_tally(const report_page *report, size_t *count);

/* The groups as a table. */
void section_groups(text *out, const group_tally *group, size_t count);

/* What the diagnosis is worth with and without the gate. */
void section_diagnosis(text *out, const report_diagnosis *diagnosis);

/* What an audit found: a table, and the photos of each kind to unfold. */
void section_audit(text *out, const report_audit_kind *kind, size_t kinds);

/* The photos of one label that were judged wrongly, worst first. */
void section_gallery(text *out, const report_page *report, bool normal);

/* A thumbnail as a data URL, or nothing where the photo cannot be read. */
void section_thumbnail(text *out, const char *path);

#endif
