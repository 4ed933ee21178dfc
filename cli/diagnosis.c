/* SPDX-License-Identifier: Apache-2.0 */
#include "diagnosis.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

static void print_share(size_t part, size_t whole)
{
    if (whole)
        printf("%6.1f%%", 100 * share(part, whole));
    else
        printf("%7s", "-");
}

static void print_classes(const wn_diagnosis *d, const char *const *name)
{
    int width = 5;
    for (int c = 0; c < d->classes; c++)
        width = (int)strlen(name[c]) > width ? (int)strlen(name[c]) : width;
    printf("\n%-*s %6s  %7s  %9s   answers:", width, "class", "photos", "recall", "precision");
    for (int c = 0; c < d->classes; c++)
        printf(" %5d", c + 1);
    putchar('\n');
    for (int c = 0; c < d->classes; c++) {
        const wn_class_counts counts = wn_diagnosis_class(d, c);
        printf("%-*s %6zu  ", width, name[c], counts.photos);
        print_share(counts.right, counts.photos);
        fputs("    ", stdout);
        print_share(counts.right, counts.answers);
        printf("        %2d:", c + 1);
        for (int other = 0; other < d->classes; other++)
            printf(" %5zu", d->confusion[(size_t)c * (size_t)d->classes + (size_t)other]);
        putchar('\n');
    }
}

static void print_headline(double taken_away, const char *what)
{
    printf("headline     the gate takes away %s%.1f%%%s of the %s\n", output_paint(COLOUR_BOLD),
           100 * taken_away, output_paint(COLOUR_OFF), what);
}

void diagnosis_print(const wn_diagnosis *d, const char *const *name)
{
    print_classes(d, name);
    if (d->normals)
        printf("\ndiagnosis    %zu of %zu normals right (%.1f%%); behind the gate %zu of the %zu accepted "
               "(%.1f%%)\n",
               d->right, d->normals, 100 * share(d->right, d->normals), d->passed_right, d->passed,
               100 * share(d->passed_right, d->passed));
    printf("wrong        %zu answers without the gate, %zu with it\n", wn_diagnosis_all_wrong(d, 0),
           wn_diagnosis_all_wrong(d, 1));
    printf("             confident ones (probability %.6g or more): %zu without the gate (%zu on abnormals), "
           "%zu with it (%zu)\n",
           d->confident, wn_diagnosis_wrong(d, 0), d->abnormal_wrong[0], wn_diagnosis_wrong(d, 1),
           d->abnormal_wrong[1]);
    if (wn_diagnosis_wrong(d, 0))
        print_headline(wn_diagnosis_taken_away(d), "confident wrong answers");
    else if (wn_diagnosis_all_wrong(d, 0))
        print_headline(wn_diagnosis_all_taken_away(d), "wrong answers (none of them is confident)");
}

static json_t *matrix(const size_t *count, int classes)
{
    json_t *rows = json_array();
    for (int c = 0; c < classes; c++) {
        json_t *row = json_array();
        for (int other = 0; other < classes; other++)
            json_array_append_new(row, json_integer((json_int_t)*count++));
        json_array_append_new(rows, row);
    }
    return rows;
}

json_t *diagnosis_json(const wn_diagnosis *d, const char *const *name)
{
    json_t *classes = json_array();
    for (int c = 0; c < d->classes; c++) {
        const wn_class_counts counts = wn_diagnosis_class(d, c);
        json_array_append_new(classes, json_pack("{s:s, s:I, s:o, s:o}", "name", name[c], "count",
                                                 (json_int_t)counts.photos, "recall",
                                                 output_real(share(counts.right, counts.photos)), "precision",
                                                 output_real(share(counts.right, counts.answers))));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:o}", "classes", classes, "confusion",
        matrix(d->confusion, d->classes), "confusion_accepted", matrix(d->accepted, d->classes), "accuracy",
        output_real(share(d->right, d->normals)), "accuracy_accepted",
        output_real(share(d->passed_right, d->passed)), "wrong", (json_int_t)wn_diagnosis_all_wrong(d, 0),
        "wrong_gated", (json_int_t)wn_diagnosis_all_wrong(d, 1), "confident", d->confident, "confident_wrong",
        (json_int_t)wn_diagnosis_wrong(d, 0), "confident_wrong_gated", (json_int_t)wn_diagnosis_wrong(d, 1),
        "confident_wrong_abnormals", (json_int_t)d->abnormal_wrong[0], "confident_wrong_abnormals_gated",
        (json_int_t)d->abnormal_wrong[1], "taken_away", output_real(wn_diagnosis_taken_away(d)));
}

report_diagnosis diagnosis_page(const wn_diagnosis *d, const char *const *name, size_t left_out)
{
    return (report_diagnosis){.classes = d->classes,
                              .name = name,
                              .confusion = d->confusion,
                              .accuracy = share(d->right, d->normals),
                              .accuracy_accepted = share(d->passed_right, d->passed),
                              .confident = d->confident,
                              .all_wrong = {wn_diagnosis_all_wrong(d, 0), wn_diagnosis_all_wrong(d, 1)},
                              .wrong = {wn_diagnosis_wrong(d, 0), wn_diagnosis_wrong(d, 1)},
                              .abnormal_wrong = {d->abnormal_wrong[0], d->abnormal_wrong[1]},
                              .all_abnormal_wrong = {d->abnormals, d->abnormals_passed},
                              .taken_away = wn_diagnosis_taken_away(d),
                              .all_taken_away = wn_diagnosis_all_taken_away(d),
                              .left_out = left_out};
}
