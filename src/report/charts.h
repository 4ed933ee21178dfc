/* SPDX-License-Identifier: Apache-2.0
 * The report's figures as inline SVG. Colours and strokes come from report.css. */
#ifndef WN_REPORT_CHARTS_H
#define WN_REPORT_CHARTS_H

#include "report.h"
#include "text.h"

/* The range of scores that the histogram and the slider's line share. */
typedef struct score_range {
    double low, high;
} score_range;

score_range charts_score_range(const report_page *report);
void charts_histogram(text *out, const report_page *report);
void charts_roc(text *out, const report_page *report);
void charts_learning(text *out, const report_page *report);
void charts_map(text *out, const report_page *report); /* nothing where the report has no features */

#endif
