/* SPDX-License-Identifier: Apache-2.0
 * The page from top to bottom: the verdict in a sentence, the figures behind it, where it errs, how it was
 * made. */
#include "report.h"

#include "../runtime/error.h"
#include "../runtime/file.h"
#include "charts.h"
#include "sections.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char report_css[], report_js[]; /* made by the build from report.css and report.js */

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
    char note[96];
    snprintf(note, sizeof note, "95%% interval %.1f to %.1f%%", 100 * rate.low, 100 * rate.high);
    if (rate.known)
        snprintf(note, sizeof note, "%s", rate.known);
    card(out, name, "%.2f%%", 100 * rate.rate, isfinite(rate.rate) ? note : "none were given");
}

/* The folder of that label where the gate errs most, if it errs there at all. */
static const group_tally *worst_group(const group_tally *group, size_t count, bool normal)
{
    enum { LEAST = 5 }; /* of fewer photos nothing can be said */
    const group_tally *worst = NULL;
    for (const group_tally *g = group; g < group + count; g++)
        if (g->normal == normal && g->count >= LEAST && group_errors(g) > (worst ? group_errors(worst) : 0))
            worst = g;
    return worst;
}

static void name_worst(text *out, const group_tally *group, size_t count)
{
    const group_tally *const worst[] = {worst_group(group, count, true), worst_group(group, count, false)};
    const char *const what[] = {"turned away", "let through"};
    const char *joint = " It errs most on";
    for (int i = 0; i < 2; i++)
        if (worst[i]) {
            text_format(out, "%s <b>", joint);
            text_escape(out, worst[i]->name);
            text_format(out, "</b> (%.0f%% of %zu %s)", 100 * group_errors(worst[i]), worst[i]->count,
                        what[i]);
            joint = " and";
        }
    if (worst[0] || worst[1])
        text_add(out, ".");
}

report_promise report_promise_of(report_rate rate, double asked, double explained)
{
    if (rate.high <= asked)
        return REPORT_KEPT;
    return rate.low <= asked ? REPORT_OPEN : rate.low <= explained ? REPORT_ABOVE : REPORT_BROKEN;
}

static void name_promise(text *out, const report_page *report)
{
    static const char *const words[] = {[REPORT_OPEN] =
                                            "the promise is <b>not contradicted</b> by these photos",
                                        [REPORT_KEPT] = "the promise is <b>kept</b> on these photos",
                                        [REPORT_ABOVE] = "it is <b>more than asked</b>, but ",
                                        [REPORT_BROKEN] = "the promise is <b>not kept</b> on these photos"};
    const report_rate rate = report->false_reject;
    if (rate.known) {
        text_format(
            out, "; of the normals that is %s, and only <code>winnow eval</code> on other photos measures it",
            rate.known);
        return;
    }
    text_format(out, "; asked: %.3g%%, so %s%s (95%% interval %.1f to %.1f%%)",
                100 * report->asked_false_reject, words[report->promise],
                report->promise == REPORT_ABOVE ? report->excuse : "", 100 * rate.low, 100 * rate.high);
}

static void verdict(text *out, const report_page *report, const group_tally *group, size_t count)
{
    const bool normals = isfinite(report->false_reject.rate),
               abnormals = isfinite(report->abnormal_accept.rate);
    text_add(out, "<p class=\"lead\" id=\"verdict\">The gate ");
    if (normals)
        text_format(out, "turned away <b>%.1f%%</b> of the normal photos", 100 * report->false_reject.rate);
    if (abnormals)
        text_format(out, "%slet <b>%.2f%%</b> of the abnormal ones through", normals ? " and " : "",
                    100 * report->abnormal_accept.rate);
    if (normals)
        name_promise(out, report);
    text_add(out, ".");
    name_worst(out, group, count);
    text_add(out, "</p>");
}

void section_page_begin(text *out, const char *title)
{
    text_add(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                  "<meta name=\"color-scheme\" content=\"light dark\"><title>");
    text_escape(out, title);
    text_add(out, " - winnow report</title><style>");
    text_add(out, report_css);
    text_add(out, "</style></head><body><main><h1>");
    text_escape(out, title);
    text_add(out, "</h1>");
}

void section_scroll_begin(text *out, const char *label)
{
    text_format(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">", label);
}

static void head(text *out, const report_page *report, const group_tally *group, size_t count)
{
    section_page_begin(out, report->title);
    verdict(out, report, group, count);
    text_add(out, "<div class=\"cards\">");
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

static void figure(text *out, void (*draw)(text *, const report_page *), const report_page *report,
                   const char *caption, bool keys)
{
    text_add(out, "<figure>");
    draw(out, report);
    text_format(out, "<figcaption>%s", caption);
    if (keys)
        key(out);
    text_add(out, "</figcaption></figure>");
}

static void output_share(text *out, const char *class, const char *id, double share)
{
    text_format(out, "<output class=\"%s\" id=\"%s\">", class, id);
    if (isfinite(share))
        text_format(out, "%.2f%%</output>", 100 * share);
    else
        text_add(out, "-</output>");
}

/* What it says at first is what holds; report.js moves it. */
static void slider(text *out, const report_page *report)
{
    text_format(out,
                "<h2>What if the threshold moved?</h2><div class=\"slider\"><label for=\"threshold\">At "
                "<output id=\"at\">%.6g</output> the gate turns away ",
                (double)report->threshold);
    output_share(out, "n", "rejects", report->false_reject.rate);
    text_add(out, " of the normals and lets ");
    output_share(out, "a", "accepts", report->abnormal_accept.rate);
    text_add(out, " of the abnormals through.</label><input type=\"range\" id=\"threshold\" min=\"0\" "
                  "max=\"100\"><div class=\"ends\"><span>lenient</span><span>strict</span></div>"
                  "<p class=\"soft\">Drag it: the dashed line and the dot follow. To keep a new setting, "
                  "train again with another <code>--false-reject</code>.</p></div>");
}

static void charts(text *out, const report_page *report)
{
    text_add(out, "<h2>Scores</h2><div class=\"charts\">");
    figure(out, charts_histogram, report, "Scores of the photos; the dashed line is the threshold.", true);
    if (isfinite(report->auroc))
        figure(out, charts_roc, report,
               "ROC, with the abnormals on a logarithmic scale; the dot is the threshold.", false);
    if (report->epoch_count)
        figure(out, charts_learning, report, "Learning: mean cosine with the mean normal, and AUROC (blue).",
               true);
    if (report->feature)
        figure(out, charts_map, report, "Map: photos that look alike to the gate lie close (PCA).", true);
    text_add(out, "</div>");
    if (!report->epoch_count && report->no_epochs) {
        text_add(out, "<p class=\"soft\" id=\"no-curves\">");
        text_escape(out, report->no_epochs);
        text_add(out, "</p>");
    }
    slider(out, report);
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
        text_format(out, "%s%.9g", i ? "," : "", (double)score[i]);
    text_add(out, "]");
    free(score);
}

static void script(text *out, const report_page *report)
{
    const score_range range = charts_score_range(report);
    text_format(out,
                "<script type=\"application/json\" "
                "id=\"scores\">{\"threshold\":%.9g,\"low\":%.9g,\"high\":%.9g,\"normal\":",
                (double)report->threshold, range.low, range.high);
    score_list(out, report, true);
    text_add(out, ",\"abnormal\":");
    score_list(out, report, false);
    text_add(out, "}</script><script>");
    text_add(out, report_js);
    text_add(out, "</script>");
}

/* ---- facts ---- */

static void facts(text *out, const char *title, const report_fact *fact)
{
    if (!fact || !fact->name)
        return;
    text_format(out, "<h2>%s</h2><table class=\"facts-table\"><tbody>", title);
    for (; fact->name; fact++) {
        text_add(out, "<tr><th scope=\"row\">");
        text_escape(out, fact->name);
        text_add(out, "</th><td class=\"facts\">");
        text_escape(out, fact->value ? fact->value : "");
        text_add(out, "</td></tr>");
    }
    text_add(out, "</tbody></table>");
}

winnow_status report_write(const report_page *report, const char *path, winnow_error *error)
{
    size_t groups;
    group_tally *group = section_tally(report, &groups);
    if (!group)
        return wn_fail_memory(error);
    text out = {0};
    head(&out, report, group, groups);
    charts(&out, report);
    if (report->diagnosis)
        section_diagnosis(&out, report->diagnosis);
    section_groups(&out, group, groups);
    free(group);
    section_gallery(&out, report, false);
    section_gallery(&out, report, true);
    if (report->audit)
        section_audit(&out, report->audit, report->audit_kinds);
    facts(&out, "The calibration and what it promises", report->calibration);
    facts(&out, "How it was made", report->provenance);
    script(&out, report);
    text_add(&out, "</main></body></html>\n");
    winnow_status status =
        out.failed ? wn_fail_memory(error) : wn_write_file_atomic(path, out.data, out.length, error);
    text_free(&out);
    return status;
}
