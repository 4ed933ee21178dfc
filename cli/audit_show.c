/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 10 /* of each kind, in the table; JSON and the page have all, or more */ };

static const char *const keys[AUDIT_KINDS] = {"unreadable", "copy",    "near_copy", "mislabelled",
                                              "odd",        "blurred", "dark",      "tiny"};
static const char *const titles[AUDIT_KINDS] = {
    "cannot be read", "copies", "near copies", "likely mislabelled", "odd", "blurred", "dark", "tiny"};

static size_t count_kind(const audit_result *result, audit_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < result->findings; i++)
        count += result->finding[i].kind == kind;
    return count;
}

/* Photos of a source. */
static size_t count_group(const wn_dataset *set, size_t group)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->photo[i].group == (int)group;
    return count;
}

static size_t all_photos(const audit_result *result)
{
    size_t all = 0;
    for (size_t f = 0; f < result->folders; f++)
        all += result->set[f]->count;
    return all;
}

/* What to say of a folder of few sources; NULL where there are enough. */
static const char *few_sources(const wn_dataset *set)
{
    if (set->group.count < 3)
        return "too few to leave one out, so a gate's promise would hold for these alone";
    for (size_t i = 0; i < set->count; i++)
        if (set->photo[i].group_kind != WN_SOURCE_BURST ||
            strcmp(set->photo[i].group_camera, set->photo[0].group_camera) != 0)
            return NULL;
    return "sessions of one camera, so a gate's promise would hold for new sessions of it alone";
}

/* ---- text ---- */

static void print_folder(const audit_result *result, size_t folder)
{
    const wn_dataset *set = result->set[folder];
    printf("%-40s %6zu photo%s (%.0f%%) of %zu source%s", result->folder[folder], set->count,
           set->count == 1 ? " " : "s", 100.0 * (double)set->count / (double)all_photos(result),
           set->group.count, set->group.count == 1 ? "" : "s");
    if (few_sources(set))
        printf(": %s", few_sources(set));
    putchar('\n');
    for (size_t g = 0; g < set->group.count && g < SHOWN; g++)
        printf("  %-38s %6zu\n", set->group.name[g], count_group(set, g));
    if (set->group.count > SHOWN)
        printf("  ... and %zu more\n", set->group.count - SHOWN);
}

/* What was looked for, and not found, in a line. */
static void print_none(const audit_result *result)
{
    const char *joint = "\nnone: ";
    for (int kind = 0; kind < AUDIT_KINDS; kind++) {
        const bool looked_for = result->compared || (kind != AUDIT_MISLABELLED && kind != AUDIT_ODD);
        if (!looked_for || count_kind(result, (audit_kind)kind))
            continue;
        printf("%s%s", joint, titles[kind]);
        joint = ", ";
    }
    if (*joint == ',')
        putchar('\n');
}

void audit_print(const audit_result *result)
{
    for (size_t f = 0; f < result->folders; f++)
        print_folder(result, f);
    for (int kind = 0; kind < AUDIT_KINDS; kind++) {
        const size_t count = count_kind(result, (audit_kind)kind);
        size_t shown = 0;
        if (!result->compared && (kind == AUDIT_MISLABELLED || kind == AUDIT_ODD))
            continue;
        if (!count)
            continue;
        printf("\n%s%s%s: %zu\n", output_paint(COLOUR_BOLD), titles[kind], output_paint(COLOUR_OFF), count);
        for (size_t i = 0; i < result->findings; i++)
            if (result->finding[i].kind == (audit_kind)kind && shown++ < SHOWN)
                printf("  %s\t%s\n", result->path[result->finding[i].photo], result->finding[i].note);
        if (count > SHOWN)
            printf("  ... and %zu more (--json or --report lists them)\n", count - SHOWN);
    }
    print_none(result);
}

/* ---- JSON ---- */

static json_t *folder_json(const audit_result *result, size_t folder)
{
    const wn_dataset *set = result->set[folder];
    json_t *groups = json_array();
    for (size_t g = 0; g < set->group.count; g++)
        json_array_append_new(groups, json_pack("{s:s, s:I}", "name", set->group.name[g], "count",
                                                (json_int_t)count_group(set, g)));
    return json_pack("{s:s, s:I, s:I, s:o}", "name", result->folder[folder], "count", (json_int_t)set->count,
                     "copies", (json_int_t)set->copies, "groups", groups);
}

int audit_json(const audit_result *result)
{
    json_t *folders = json_array(), *findings = json_array(), *counts = json_object();
    for (size_t f = 0; f < result->folders; f++)
        json_array_append_new(folders, folder_json(result, f));
    for (int kind = 0; kind < AUDIT_KINDS; kind++)
        json_object_set_new(counts, keys[kind],
                            json_integer((json_int_t)count_kind(result, (audit_kind)kind)));
    for (size_t i = 0; i < result->findings; i++) {
        const audit_finding *f = &result->finding[i];
        json_array_append_new(findings, json_pack("{s:s, s:s, s:s?, s:s}", "kind", keys[f->kind], "path",
                                                  result->path[f->photo], "other",
                                                  f->other == f->photo ? NULL : result->path[f->other],
                                                  "note", f->note));
    }
    return output_json(json_pack("{s:I, s:b, s:o, s:o, s:o}", "photos", (json_int_t)result->count, "compared",
                                 result->compared, "folders", folders, "counts", counts, "findings",
                                 findings));
}

/* ---- the page ---- */

void audit_page(const audit_result *result, report_audit_item *item, report_audit_kind kind[AUDIT_KINDS])
{
    for (size_t i = 0, k = 0; k < AUDIT_KINDS; k++) {
        kind[k] = (report_audit_kind){titles[k], item + i, 0};
        for (; i < result->findings && result->finding[i].kind == (audit_kind)k; i++, kind[k].count++) {
            const audit_finding *f = &result->finding[i];
            item[i] = (report_audit_item){result->path[f->photo],
                                          f->other == f->photo ? NULL : result->path[f->other], f->note};
        }
    }
}

/* The folders, and their sources in one array that *source gets; NULL: no memory. */
static report_folder *page_folders(const audit_result *result, report_source **source)
{
    size_t all = 0, at = 0;
    for (size_t f = 0; f < result->folders; f++)
        all += result->set[f]->group.count;
    report_folder *folder = calloc(result->folders, sizeof *folder);
    *source = calloc(all + 1, sizeof **source);
    for (size_t f = 0; folder && *source && f < result->folders; f++) {
        const wn_dataset *set = result->set[f];
        folder[f] =
            (report_folder){result->folder[f], set->count, *source + at, set->group.count, few_sources(set)};
        for (size_t g = 0; g < set->group.count; g++)
            (*source)[at++] = (report_source){set->group.name[g], count_group(set, g)};
    }
    return folder;
}

winnow_status audit_report(const audit_result *result, const char *path, winnow_error *error)
{
    report_audit_item *item = calloc(result->findings + 1, sizeof *item);
    report_audit_kind kind[AUDIT_KINDS];
    report_source *source;
    report_folder *folder = page_folders(result, &source);
    char name[64];
    winnow_status status = item && folder && source ? WINNOW_OK : wn_fail_memory(error);
    if (!status)
        audit_page(result, item, kind);
    snprintf(name, sizeof name, "Audit of %zu photo%s", result->count, result->count == 1 ? "" : "s");
    if (!status)
        status = report_audit_write(name, folder, result->folders, kind, AUDIT_KINDS, path, error);
    free(item);
    free(folder);
    free(source);
    return status;
}
