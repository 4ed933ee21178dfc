/* SPDX-License-Identifier: Apache-2.0
 * The section about the diagnosis: the headline, and who is taken for whom. */
#include "sections.h"

#include <math.h>

/* "N wrong answers on these photos ...; behind the gate, N and N. The gate takes away P% of them." */
static void tell_wrong(text *out, const char *kind, const size_t wrong[2], const size_t abnormal[2],
                       double taken_away)
{
    text_format(
        out,
        "Without the gate, the diagnosis gives <b>%zu</b> %swrong answers on these photos, %zu of them "
        "on photos that show something else; behind the gate, <b>%zu</b> and %zu. The gate takes away "
        "<b>%.1f%%</b> of them.",
        wrong[0], kind, abnormal[0], wrong[1], abnormal[1], 100 * taken_away);
}

/* The confident wrong answers; where there are none, all. */
static void headline(text *out, const report_diagnosis *d)
{
    text_add(out, "<p class=\"lead\" id=\"headline\">");
    if (d->wrong[0])
        tell_wrong(out, "confident ", d->wrong, d->abnormal_wrong, d->taken_away);
    else if (d->all_wrong[0])
        tell_wrong(out, "", d->all_wrong, d->all_abnormal_wrong, d->all_taken_away);
    else
        text_add(out, "The diagnosis gives no wrong answer on these photos.");
    text_format(out, "</p><p class=\"soft\">%s: a probability of %.6g or more.",
                d->wrong[0] || !d->all_wrong[0] ? "Confident" : "None of them is confident", d->confident);
    if (d->wrong[0])
        text_format(out, " Wrong answers of any probability: %zu without the gate, %zu behind it.",
                    d->all_wrong[0], d->all_wrong[1]);
    if (isfinite(d->accuracy))
        text_format(out, " Of the normal photos, %.1f%% get the right answer", 100 * d->accuracy);
    if (isfinite(d->accuracy_accepted))
        text_format(out, "; of those that the gate accepts, %.1f%%", 100 * d->accuracy_accepted);
    if (isfinite(d->accuracy))
        text_add(out, ".");
    if (d->left_out)
        text_format(out, " Not counted: %zu photos whose class no photo of another source, or block, has.",
                    d->left_out);
    text_add(out, "</p>");
}

static void matrix_row(text *out, const report_diagnosis *d, int class)
{
    const size_t *row = d->confusion + (size_t) class * (size_t)d->classes;
    size_t total = 0;
    for (int c = 0; c < d->classes; c++)
        total += row[c];
    text_format(out, "<tr><th scope=\"row\">%d ", class + 1);
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
    section_scroll_begin(out, "Table of classes and answers");
    text_format(out,
                "<table id=\"confusion\"><thead><tr><th rowspan=\"2\">class</th><th rowspan=\"2\" "
                "class=\"number\">photos</th><th class=\"answers\" colspan=\"%d\">answers</th>"
                "<th rowspan=\"2\" class=\"number\">right</th></tr><tr>",
                d->classes);
    for (int c = 0; c < d->classes; c++) {
        text_add(out, "<th class=\"number\" title=\"");
        text_escape(out, d->name[c]);
        text_format(out, "\">%d</th>", c + 1);
    }
    text_add(out, "</tr></thead><tbody>");
    for (int c = 0; c < d->classes; c++)
        matrix_row(out, d, c);
    text_add(out, "</tbody></table></div>");
}
