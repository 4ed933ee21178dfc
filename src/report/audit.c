/* SPDX-License-Identifier: Apache-2.0
 * The page of an audit, and its section in the report of a training: what was found, kind by kind, as
 * thumbnails. */
#include "sections.h"

#include "../runtime/error.h"
#include "../runtime/file.h"

#include <string.h>

enum { SHOWN = 48, SHOWN_IN_SECTION = 12 };

static void show_item(text *out, const report_audit_item *item)
{
    const char *slash = strrchr(item->path, '/');
    text_add(out, "<li title=\"");
    text_escape(out, item->path);
    text_add(out, "\">");
    section_thumbnail(out, item->path);
    if (item->other)
        section_thumbnail(out, item->other);
    text_escape(out, slash ? slash + 1 : item->path);
    text_add(out, "<span class=\"name\">");
    text_escape(out, item->note);
    text_add(out, "</span></li>");
}

static void show_items(text *out, const report_audit_kind *kind, size_t most)
{
    text_add(out, "<ul class=\"gallery\">");
    for (size_t i = 0; i < kind->count && i < most; i++)
        show_item(out, &kind->item[i]);
    text_add(out, "</ul>");
    if (kind->count > most)
        text_format(out, "<p class=\"soft\">The first %zu of %zu.</p>", most, kind->count);
}

void section_audit(text *out, const report_audit_kind *kind, size_t kinds)
{
    size_t all = 0;
    for (size_t k = 0; k < kinds; k++)
        all += kind[k].count;
    text_add(out, "<h2>What stands out among the photos</h2>");
    if (!all) {
        text_add(out,
                 "<p class=\"soft\">Nothing: no near copies, none that look mislabelled, blurred, dark or "
                 "tiny.</p>");
        return;
    }
    text_add(out,
             "<p class=\"soft\">Of those that the gate was made of. Nothing was left out for it: look, and "
             "move or remove what is wrong. <code>winnow audit</code> lists all of them.</p>");
    for (size_t k = 0; k < kinds; k++)
        if (kind[k].count) {
            text_format(out, "<details class=\"audit\"><summary>%s: %zu</summary>", kind[k].title,
                        kind[k].count);
            show_items(out, &kind[k], SHOWN_IN_SECTION);
            text_add(out, "</details>");
        }
}

static void balance_row(text *out, const char *class, const char *name, size_t count, size_t all)
{
    text_format(out, "<tr class=\"%s\"><th scope=\"row\">", class);
    text_escape(out, name);
    text_format(out, "</th><td class=\"number\">%zu</td><td class=\"number\">%.0f%%</td></tr>", count,
                100.0 * (double)count / (double)all);
}

static void balance_folder(text *out, const report_folder *folder, size_t all)
{
    balance_row(out, "folder", folder->name, folder->count, all);
    for (size_t s = 0; s < folder->sources && s < SHOWN; s++)
        balance_row(out, "source", folder->source[s].name, folder->source[s].count, all);
    if (folder->sources > SHOWN)
        text_format(out, "<tr class=\"source\"><td colspan=\"3\">... and %zu more</td></tr>",
                    folder->sources - SHOWN);
    text_format(out, "<tr class=\"source\"><td class=\"soft\" colspan=\"3\">%zu source%s", folder->sources,
                folder->sources == 1 ? "" : "s");
    if (folder->warning)
        text_format(out, ": <strong>%s</strong>", folder->warning);
    text_add(out, "</td></tr>");
}

/* The classes' balance, and what a training would split them by. */
static void show_balance(text *out, const report_folder *folder, size_t folders)
{
    size_t all = 0;
    for (size_t f = 0; f < folders; f++)
        all += folder[f].count;
    section_scroll_begin(out, "Table of folders and sources");
    text_add(out, "<table id=\"balance\"><thead><tr><th>folder, and its sources</th><th "
                  "class=\"number\">photos</th><th class=\"number\">share</th></tr></thead><tbody>");
    for (size_t f = 0; f < folders; f++)
        balance_folder(out, &folder[f], all ? all : 1);
    text_add(out, "</tbody></table></div>");
}

winnow_status report_audit_write(const char *title, const report_folder *folder, size_t folders,
                                 const report_audit_kind *kind, size_t kinds, const char *path,
                                 winnow_error *error)
{
    text out = {0};
    section_page_begin(&out, title);
    show_balance(&out, folder, folders);
    text_add(&out, "<p class=\"soft\">Nothing was changed: look, and move or remove what is wrong.</p>");
    size_t all = 0;
    for (size_t k = 0; k < kinds; k++) {
        all += kind[k].count;
        if (!kind[k].count)
            continue;
        text_format(&out, "<h2>%s (%zu)</h2>", kind[k].title, kind[k].count);
        show_items(&out, &kind[k], SHOWN);
    }
    if (!all)
        text_add(&out, "<p>Nothing stands out.</p>");
    text_add(&out, "</main></body></html>\n");
    winnow_status status =
        out.failed ? wn_fail_memory(error) : wn_write_file_atomic(path, out.data, out.length, error);
    text_free(&out);
    return status;
}
