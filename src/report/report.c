/* SPDX-License-Identifier: Apache-2.0
 * The page from top to bottom: the verdict in a sentence, the figures behind it, where it errs, how it was
 * made. */
#include "report.h"

#include "../codec/codec.h"
#include "../runtime/error.h"
#include "../runtime/file.h"
#include "../runtime/preprocess.h"
#include "charts.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char report_css[], report_js[]; /* made by the build from report.css and report.js */

enum { THUMBNAIL = 160, GALLERY = 24 };

/* ---- head ---- */

static void card(text *out, const char *name, const char *format, double value, const char *note)
{
    text_add(out, "<div class=\"card\">");
    text_add(out, name);
    text_add(out, "<b>");
    if (isfinite(value))
        text_format(out, format, value);
    else
        text_add(out, "-");
    text_format(out, "</b><span>%s</span></div>", note);
}

static void rate_card(text *out, const char *name, report_rate rate)
{
    char note[64];
    snprintf(note, sizeof note, "95%% interval %.1f to %.1f%%", 100 * rate.low, 100 * rate.high);
    card(out, name, "%.2f%%", 100 * rate.rate, isfinite(rate.rate) ? note : "none were given");
}

static void head(text *out, const report_page *report)
{
    text_add(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    text_escape(out, report->title);
    text_add(out, " - winnow report</title><style>");
    text_add(out, report_css);
    text_add(out, "</style></head><body><main><h1>");
    text_escape(out, report->title);
    text_add(out, "</h1><p class=\"lead\">");
    bool kept = report->false_reject.low <= report->asked_false_reject;
    text_format(out, "The gate turned away <b>%.1f%%</b> of the normal photos (asked: %.3g%%%s)",
                100 * report->false_reject.rate, 100 * report->asked_false_reject,
                kept ? "" : ", so the promise is <b>not kept</b> on these photos");
    if (isfinite(report->abnormal_accept.rate))
        text_format(out, " and let <b>%.2f%%</b> of the abnormal ones through",
                    100 * report->abnormal_accept.rate);
    text_add(out, ".</p><div class=\"cards\">");
    card(out, "AUROC", "%.4f", report->auroc, "1 is perfect, 0.5 is chance");
    card(out, "FPR at 95% TPR", "%.2f%%", 100 * report->fpr_at_95_tpr,
         "abnormals accepted when 95% of normals are");
    rate_card(out, "Normals rejected", report->false_reject);
    rate_card(out, "Abnormals accepted", report->abnormal_accept);
    text_add(out, "</div>");
}

/* ---- charts ---- */

static void key(text *out)
{
    text_add(out, " <span class=\"key n\">normal</span> <span class=\"key a\">abnormal</span>");
}

static void charts(text *out, const report_page *report, score_range range)
{
    text_add(out, "<h2>Scores</h2><div class=\"charts\"><figure>");
    charts_histogram(out, report, range);
    text_add(out, "<figcaption>Scores; the dashed line is the threshold.");
    key(out);
    text_add(out, "</figcaption></figure><figure>");
    charts_roc(out, report);
    text_add(out, "<figcaption>ROC: the trade-off between the two errors.</figcaption></figure>");
    if (report->epoch_count) {
        text_add(out, "<figure>");
        charts_learning(out, report);
        text_add(out, "<figcaption>Learning: mean similarity (-1 to 1) of");
        key(out);
        text_add(out, "; AUROC (0.5 to 1) in blue.</figcaption></figure>");
    }
    if (report->feature) {
        text_add(out, "<figure>");
        charts_map(out, report);
        text_add(out, "<figcaption>Map of the photos (PCA of the features).");
        key(out);
        text_add(out, "</figcaption></figure>");
    }
    text_add(
        out,
        "</div><h2>What if the threshold moved?</h2><p><label for=\"threshold\">Drag to move it: at "
        "<output id=\"at\">-</output>, <output id=\"rejects\">-</output> of the normals are turned away and "
        "<output id=\"accepts\">-</output> of the abnormals are let through.</label></p>"
        "<input type=\"range\" id=\"threshold\" min=\"0\" max=\"100\">");
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void score_list(text *out, const report_page *report, bool normal)
{
    float *score = malloc((report->photo_count + 1) * sizeof *score);
    if (!score) {
        out->failed = true;
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < report->photo_count; i++)
        if (report->photo[i].normal == normal)
            score[count++] = report->photo[i].score;
    qsort(score, count, sizeof *score, compare_floats);
    text_add(out, "[");
    for (size_t i = 0; i < count; i++)
        text_format(out, "%s%.6g", i ? "," : "", (double)score[i]);
    text_add(out, "]");
    free(score);
}

static void script(text *out, const report_page *report, score_range range)
{
    text_format(out,
                "<script type=\"application/json\" "
                "id=\"scores\">{\"threshold\":%.6g,\"low\":%.6g,\"high\":%.6g,\"normal\":",
                (double)report->threshold, range.low, range.high);
    score_list(out, report, true);
    text_add(out, ",\"abnormal\":");
    score_list(out, report, false);
    text_add(out, "}</script><script>");
    text_add(out, report_js);
    text_add(out, "</script>");
}

/* ---- table by group ---- */

static void group_row(text *out, const report_page *report, const char *group, bool normal)
{
    size_t count = 0, accepted = 0, unsure = 0;
    for (size_t i = 0; i < report->photo_count; i++) {
        const report_photo *photo = &report->photo[i];
        if (photo->normal != normal || strcmp(photo->group, group) != 0)
            continue;
        count++;
        accepted += photo->verdict == WINNOW_NORMAL;
        unsure += photo->verdict == WINNOW_UNSURE;
    }
    text_format(out, "<tr><td><span class=\"key %s\"></span>", normal ? "n" : "a");
    text_escape(out, group);
    text_format(out,
                "</td><td>%s</td><td class=\"number\">%zu</td><td class=\"number\">%zu</td><td "
                "class=\"number\">%zu</td>"
                "<td class=\"number\">%.1f%%</td></tr>",
                normal ? "normal" : "abnormal", count, accepted, unsure,
                100.0 * (double)(normal ? count - accepted : accepted) / (double)count);
}

static void group_table(text *out, const report_page *report)
{
    text_add(out, "<h2>By folder</h2><div class=\"scroll\"><table><thead><tr><th>folder</th><th>kind</th><th "
                  "class=\"number\">photos</th>"
                  "<th class=\"number\">accepted</th><th class=\"number\">unsure</th><th "
                  "class=\"number\">errors</th></tr></thead><tbody>");
    for (int abnormal = 0; abnormal <= 1; abnormal++) {
        for (size_t i = 0; i < report->photo_count; i++) {
            if (report->photo[i].normal == (abnormal != 0))
                continue;
            bool first = true;
            for (size_t j = 0; j < i && first; j++)
                first = report->photo[j].normal != report->photo[i].normal ||
                        strcmp(report->photo[j].group, report->photo[i].group) != 0;
            if (first)
                group_row(out, report, report->photo[i].group, !abnormal);
        }
    }
    text_add(out, "</tbody></table></div>");
}

/* ---- galleries ---- */

/* A thumbnail as a data URL, or nothing where the photo cannot be read. */
static void thumbnail(text *out, const char *path)
{
    codec_picture picture;
    if (codec_decode_file(path, THUMBNAIL, &picture, NULL))
        return;
    double scale = (double)THUMBNAIL / (picture.width < picture.height ? picture.width : picture.height);
    int width = picture.width, height = picture.height;
    if (scale < 1) {
        width = (int)lround(width * scale);
        height = (int)lround(height * scale);
    }
    uint8_t *small = malloc((size_t)width * (size_t)height * 3);
    void *scratch = malloc(wn_resize_scratch(picture.width, picture.height, width, height));
    void *jpeg = NULL;
    size_t size = 0;
    if (small && scratch) {
        wn_resize_rgb(picture.rgb, (ptrdiff_t)picture.width * 3, picture.width, picture.height, 0, 0,
                      picture.width, picture.height, small, (ptrdiff_t)width * 3, width, height, scratch);
        if (!codec_encode_jpeg(small, width, height, 80, &jpeg, &size, NULL)) {
            text_add(out, "<img alt=\"\" src=\"data:image/jpeg;base64,");
            text_base64(out, jpeg, size);
            text_add(out, "\">");
        }
    }
    free(jpeg);
    free(scratch);
    free(small);
    codec_picture_free(&picture);
}

static int compare_scores(const void *a, const void *b)
{
    const report_photo *x = *(const report_photo *const *)a, *y = *(const report_photo *const *)b;
    return (x->score > y->score) - (x->score < y->score);
}

/* The photos of one kind, worst first: rejected normals by the lowest score, accepted abnormals by the
 * highest. */
static void gallery(text *out, const report_page *report, bool normal)
{
    const report_photo **found = malloc((report->photo_count + 1) * sizeof *found);
    if (!found) {
        out->failed = true;
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < report->photo_count; i++)
        if (report->photo[i].normal == normal && (report->photo[i].verdict == WINNOW_NORMAL) != normal)
            found[count++] = &report->photo[i];
    qsort(found, count, sizeof *found, compare_scores);
    text_format(out, "<h2>%s (%zu)</h2>",
                normal ? "Normal photos that were turned away" : "Abnormal photos that were let through",
                count);
    text_add(out, count ? "<ul class=\"gallery\">" : "<p class=\"soft\">None.</p>");
    for (size_t i = 0; i < count && i < GALLERY; i++) {
        const report_photo *photo = found[normal ? i : count - 1 - i];
        text_add(out, "<li>");
        thumbnail(out, photo->path);
        text_format(out, "p %.3g, score %.4g<br><span class=\"soft\">", (double)photo->p_value,
                    (double)photo->score);
        text_escape(out, photo->path);
        text_add(out, "</span></li>");
    }
    if (count)
        text_add(out, "</ul>");
    if (count > GALLERY)
        text_format(out, "<p class=\"soft\">The %d worst of %zu.</p>", GALLERY, count);
    free(found);
}

/* ---- facts ---- */

static void facts(text *out, const char *title, const report_fact *fact)
{
    if (!fact || !fact->name)
        return;
    text_format(out, "<h2>%s</h2><div class=\"scroll\"><table><tbody>", title);
    for (; fact->name; fact++) {
        text_add(out, "<tr><th>");
        text_escape(out, fact->name);
        text_add(out, "</th><td class=\"facts\">");
        text_escape(out, fact->value ? fact->value : "");
        text_add(out, "</td></tr>");
    }
    text_add(out, "</tbody></table></div>");
}

winnow_status report_write(const report_page *report, const char *path, winnow_error *error)
{
    text out = {0};
    score_range range = charts_score_range(report);
    head(&out, report);
    charts(&out, report, range);
    group_table(&out, report);
    gallery(&out, report, false);
    gallery(&out, report, true);
    facts(&out, "The calibration and what it promises", report->calibration);
    facts(&out, "How it was made", report->provenance);
    script(&out, report, range);
    text_add(&out, "</main></body></html>\n");
    winnow_status status =
        out.failed ? wn_fail_memory(error) : wn_write_file_atomic(path, out.data, out.length, error);
    text_free(&out);
    return status;
}
