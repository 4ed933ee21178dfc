/* SPDX-License-Identifier: Apache-2.0
 * The table by folder: where the errors are. */
#include "sections.h"

#include <stdlib.h>
#include <string.h>

double group_errors(const group_tally *group)
{
    return (double)(group->normal ? group->count - group->accepted : group->accepted) / (double)group->count;
}

static group_tally *find(group_tally *group, size_t count, const report_photo *photo)
{
    for (size_t i = count; i-- > 0;) /* mostly the last */
        if (group[i].normal == photo->normal && !strcmp(group[i].name, photo->group))
            return &group[i];
    return NULL;
}

group_tally *section_tally(const report_page *report, size_t *count)
{
    group_tally *group = malloc((report->photo_count + 1) * sizeof *group);
    *count = 0;
    for (int abnormal = 0; group && abnormal <= 1; abnormal++)
        for (size_t i = 0; i < report->photo_count; i++) {
            const report_photo *photo = &report->photo[i];
            if (photo->normal == (abnormal != 0))
                continue;
            group_tally *to = find(group, *count, photo);
            if (!to) {
                to = &group[(*count)++];
                *to = (group_tally){.name = photo->group, .normal = photo->normal};
            }
            to->count++;
            to->accepted += photo->verdict == WINNOW_NORMAL;
            to->unsure += photo->verdict == WINNOW_UNSURE;
        }
    return group;
}

void section_groups(text *out, const group_tally *group, size_t count)
{
    text_add(out, "<h2>By folder</h2>");
    section_scroll_begin(out, "Table by folder");
    text_add(out, "<table id=\"groups\"><thead><tr><th>folder</th><th class=\"number\">photos</th><th "
                  "class=\"number\">accepted</th>"
                  "<th class=\"number\">unsure</th><th class=\"number\">wrong</th><td "
                  "class=\"meter\"></td></tr></thead>"
                  "<tbody>");
    for (const group_tally *g = group; g < group + count; g++) {
        text_format(out, "<tr><td><span class=\"key %s\">", g->normal ? "n" : "a");
        text_escape(out, g->name);
        text_format(out,
                    "</span></td><td class=\"number\">%zu</td><td class=\"number\">%zu</td>"
                    "<td class=\"number\">%zu</td><td class=\"number\">%.1f%%</td>"
                    "<td class=\"meter\"><i class=\"%s\" style=\"width:%.1f%%\"></i></td></tr>",
                    g->count, g->accepted, g->unsure, 100 * group_errors(g), g->normal ? "n" : "a",
                    100 * group_errors(g));
    }
    text_add(out, "</tbody></table></div><p class=\"soft\">Wrong: a normal photo that was turned away "
                  "(<span class=\"key n\">normal</span>), an abnormal one that was let through "
                  "(<span class=\"key a\">abnormal</span>).</p>");
}
