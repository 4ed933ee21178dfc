/* SPDX-License-Identifier: Apache-2.0
 * Every chart is drawn in a 460 x 246 box, the ROC with a line of text above it; the plot itself spans x
 * 45..450 and y 10..210. report.js knows these numbers too. */
#include "charts.h"

#include "pca.h"

#include <math.h>
#include <stdlib.h>

enum { LEFT = 45, RIGHT = 450, TOP = 10, BOTTOM = 210, BINS = 60, ABOVE = 16 };

static double x_at(double share)
{
    return LEFT + (RIGHT - LEFT) * fmin(1, fmax(0, share));
}

static double y_at(double share)
{
    return BOTTOM - (BOTTOM - TOP) * fmin(1, fmax(0, share));
}

static void begin(text *out, const char *title, int above)
{
    text_format(out,
                "<svg viewBox=\"0 %d 460 %d\" role=\"img\" aria-label=\"%s\"><path class=\"axis\" d=\"M%d "
                "%dV%dH%d\"/>",
                -above, 246 + above, title, LEFT, TOP, BOTTOM, RIGHT);
}

static void label(text *out, double x, double y, const char *anchor, const char *string)
{
    text_format(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">", x, y, anchor);
    text_escape(out, string);
    text_add(out, "</text>");
}

/* A line of the grid at a share of the width (or of the height), with its label. */
static void tick(text *out, bool across, double share, const char *string)
{
    if (across)
        text_format(out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x_at(share), TOP, BOTTOM);
    else
        text_format(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y_at(share), RIGHT);
    if (across)
        label(out, x_at(share), BOTTOM + 15, share <= 0 ? "start" : share >= 1 ? "end" : "middle", string);
    else
        label(out, LEFT - 5, y_at(share) + 4, "end", string);
}

static void number_label(text *out, double x, double y, const char *anchor, double value)
{
    text_format(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">%.3g</text>", x, y, anchor, value);
}

/* ---- histogram ---- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* From the 0.5% to the 100% quantile, so that one outlier does not squeeze all others into a corner. */
score_range charts_score_range(const report_page *report)
{
    score_range range = {0, 1};
    float *score = malloc((report->photo_count + 1) * sizeof *score);
    if (!score)
        return range;
    for (size_t i = 0; i < report->photo_count; i++)
        score[i] = report->photo[i].score;
    qsort(score, report->photo_count, sizeof *score, compare_floats);
    if (report->photo_count) {
        range.low = fmin(score[report->photo_count / 200], report->threshold);
        range.high = fmax(score[report->photo_count - 1], report->threshold);
    }
    free(score);
    double margin = fmax(0.02 * (range.high - range.low), 1e-6);
    return (score_range){range.low - margin, range.high + margin};
}

static void bars(text *out, const report_page *report, score_range range, bool normal)
{
    size_t count[BINS] = {0}, total = 0, most = 0;
    for (size_t i = 0; i < report->photo_count; i++) {
        if (report->photo[i].normal != normal)
            continue;
        double share = (report->photo[i].score - range.low) / (range.high - range.low);
        int bin = (int)fmin(BINS - 1, fmax(0, share * BINS));
        total++;
        count[bin]++;
    }
    for (int i = 0; i < BINS; i++)
        most = count[i] > most ? count[i] : most;
    for (int i = 0; i < BINS && total; i++) {
        double height = (double)count[i] / (double)most;
        if (count[i])
            text_format(out, "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                        normal ? "normal" : "abnormal", x_at((double)i / BINS), y_at(height),
                        (double)(RIGHT - LEFT) / BINS - 0.5, BOTTOM - y_at(height));
    }
}

void charts_histogram(text *out, const report_page *report)
{
    const score_range range = charts_score_range(report);
    begin(out, "Histogram of the scores of normal and abnormal photos", 0);
    bars(out, report, range, false);
    bars(out, report, range, true);
    double x = x_at((report->threshold - range.low) / (range.high - range.low));
    text_format(out,
                "<line id=\"threshold-line\" class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x,
                x, TOP, BOTTOM);
    number_label(out, LEFT, BOTTOM + 15, "start", range.low);
    number_label(out, RIGHT, BOTTOM + 15, "end", range.high);
    label(out, 240, 240, "middle", report->score_name);
    text_add(out, "</svg>");
}

/* ---- ROC ---- */

typedef struct labelled {
    float score;
    bool normal;
} labelled;

static int compare_descending(const void *a, const void *b)
{
    float x = ((const labelled *)a)->score, y = ((const labelled *)b)->score;
    return (x < y) - (x > y);
}

/* 0.1% to 100% on a logarithmic axis: the few abnormals that pass are what matters. */
static double log_share(double share)
{
    return 1 + log10(fmax(share, 1e-3)) / 3;
}

static void roc_grid(text *out)
{
    static const char *const across[] = {"0.1%", "1%", "10%", "100%"}, *const up[] = {"0", "25%", "50%",
                                                                                      "75%", "100%"};
    for (int i = 0; i < 4; i++)
        tick(out, true, i / 3.0, across[i]);
    for (int i = 0; i < 5; i++)
        tick(out, false, i / 4.0, up[i]);
    label(out, 240, 240, "middle", "abnormals accepted");
    label(out, LEFT, -4, "start", "normals accepted"); /* outside: a good gate's curve is at the top */
}

void charts_roc(text *out, const report_page *report)
{
    const size_t count = report->photo_count;
    labelled *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        out->failed = true;
        return;
    }
    double normals = 0, abnormals = 0, seen_normals = 0, seen_abnormals = 0;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (labelled){report->photo[i].score, report->photo[i].normal};
        *(report->photo[i].normal ? &normals : &abnormals) += 1;
    }
    qsort(sorted, count, sizeof *sorted, compare_descending);
    begin(out, "ROC curve: normals accepted against abnormals accepted", ABOVE);
    roc_grid(out);
    text_format(out, "<polyline class=\"curve accent\" points=\"%d,%d", LEFT, BOTTOM);
    for (size_t i = 0; i < count; i++) {
        *(sorted[i].normal ? &seen_normals : &seen_abnormals) += 1;
        bool corner = i + 1 == count ||
                      (sorted[i].score != sorted[i + 1].score && sorted[i].normal != sorted[i + 1].normal);
        if (corner)
            text_format(out, " %.1f,%.1f", x_at(log_share(seen_abnormals / fmax(abnormals, 1))),
                        y_at(seen_normals / fmax(normals, 1)));
    }
    text_add(out, "\"/>");
    text_format(out, "<circle id=\"roc-dot\" class=\"dot-mark\" r=\"5\" cx=\"%.1f\" cy=\"%.1f\"/></svg>",
                x_at(log_share(report->abnormal_accept.rate)), y_at(1 - report->false_reject.rate));
    free(sorted);
}

/* ---- learning curves ---- */

static void curve(text *out, const report_page *report, const char *class,
                  double (*value)(const report_epoch *))
{
    const double last = report->epoch[report->epoch_count - 1].epoch;
    text_format(out, "<polyline class=\"curve %s\" points=\"", class);
    for (size_t i = 0; i < report->epoch_count; i++)
        text_format(out, "%.1f,%.1f ", x_at(report->epoch[i].epoch / last), y_at(value(&report->epoch[i])));
    text_add(out, "\"/>");
}

static double normal_similarity(const report_epoch *epoch)
{
    return (epoch->normal_similarity + 1) / 2;
}

static double abnormal_similarity(const report_epoch *epoch)
{
    return (epoch->abnormal_similarity + 1) / 2;
}

static double auroc(const report_epoch *epoch)
{
    return (epoch->auroc + 1) / 2;
}

void charts_learning(text *out, const report_page *report)
{
    static const char *const up[] = {"-1", "0", "1"};
    begin(out, "Learning curves by epoch", 0);
    for (int i = 0; i < 3; i++)
        tick(out, false, i / 2.0, up[i]);
    curve(out, report, "normal", normal_similarity);
    curve(out, report, "abnormal", abnormal_similarity);
    curve(out, report, "accent", auroc);
    label(out, LEFT, BOTTOM + 15, "middle", "0");
    number_label(out, RIGHT, BOTTOM + 15, "end", report->epoch[report->epoch_count - 1].epoch);
    label(out, 240, 240, "middle", "epoch");
    text_add(out, "</svg>");
}

/* ---- map ---- */

void charts_map(text *out, const report_page *report)
{
    if (!report->feature || report->photo_count < 3)
        return;
    float *place = malloc(report->photo_count * 2 * sizeof *place);
    if (!place || !pca_map(report->feature, report->photo_count, report->feature_size, place)) {
        free(place);
        out->failed = true;
        return;
    }
    begin(out, "Map of the photos: the first two principal components of their features", 0);
    for (int normal = 0; normal <= 1; normal++)
        for (size_t i = 0; i < report->photo_count; i++)
            if (report->photo[i].normal == (normal != 0))
                text_format(out, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>",
                            normal ? "normal" : "abnormal", x_at(place[2 * i]), y_at(place[2 * i + 1]));
    text_add(out, "</svg>");
    free(place);
}
