/* SPDX-License-Identifier: Apache-2.0
 * The section about the diagnosis: the headline, and who is taken for whom. */
#include "sections.h"

#include <math.h>

static void headline(text *out, const report_diagnosis *d)
{
    text_format(
        out,
        "<p class=\"lead\" id=\"headline\">Without the gate, the diagnosis gives <b>%zu</b> confident "
        "wrong answers on these photos, %zu of them on photos that show something else; behind the "
        "gate, <b>%zu</b> and %zu.",
        d->wrong[0], d->abnormal_wrong[0], d->wrong[1], d->abnormal_wrong[1]);
    if (isfinite(d->taken_away))
        text_format(out, " The gate takes away <b>%.1f%%</b> of them.", 100 * d->taken_away);
    text_add(out, "</p>");
    text_format(
        out,
        "<p class=\"soft\">Confident: a probability of %.2g or more. Wrong answers of any probability: %zu "
        "without the gate, %zu behind it.",
        d->confident, d->all_wrong[0], d->all_wrong[1]);
    if (isfinite(d->accuracy))
        text_format(out, " Of the normal photos, %.1f%% get the right answer", 100 * d->accuracy);
    if (isfinite(d->accuracy_accepted))
        text_format(out, "; of those that the gate accepts, %.1f%%", 100 * d->accuracy_accepted);
    text_add(out, ".</p>");
}

static void matrix_row(text *out, const report_diagnosis *d, int class)
{
    const size_t *row = d->confusion + (size_t) class * (size_t)d->classes;
    size_t total = 0;
    for (int c = 0; c < d->classes; c++)
        total += row[c];
    text_add(out, "<tr><th>");
    text_escape(out, d->name[class]);
    text_format(out, "</th><td class=\"number\">%zu</td>", total);
    for (int c = 0; c < d->classes; c++) {
        const double share = total ? (double)row[c] / (double)total : 0;
        text_format(out, "<td class=\"number cell\" style=\"--share:%.0f%%\">%zu</td>", 70 * share, row[c]);
    }
    text_format(out, "<td class=\"number\">%.0f%%</td></tr>",
                total ? 100.0 * (double)row[class] / (double)total : 0);
}

void section_diagnosis(text *out, const report_diagnosis *d)
{
    text_add(out, "<h2>The diagnosis behind the gate</h2>");
    headline(out, d);
    text_add(out, "<div class=\"scroll\"><table id=\"confusion\"><thead><tr><th>photo \\ answer</th>"
                  "<th class=\"number\">photos</th>");
    for (int c = 0; c < d->classes; c++) {
        text_add(out, "<th class=\"number\">");
        text_escape(out, d->name[c]);
        text_add(out, "</th>");
    }
    text_add(out, "<th class=\"number\">right</th></tr></thead><tbody>");
    for (int c = 0; c < d->classes; c++)
        matrix_row(out, d, c);
    text_add(out, "</tbody></table></div>");
}
