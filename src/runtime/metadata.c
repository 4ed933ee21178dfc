/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include "number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

winnow_status wn_metadata_text(const wn_safetensors *file, const char *key, const char **text,
                               winnow_error *error)
{
    *text = wn_safetensors_metadata(file, key);
    if (*text)
        return WINNOW_OK;
    return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "the metadata lack '%s': is this a file of winnow's?",
                   key);
}

winnow_status wn_metadata_refuse(const char *key, const char *text, const char *expected, winnow_error *error)
{
    return wn_fail(error, WINNOW_ERROR_FORMAT, -1, "the metadata's '%s' is '%.40s', not %s", key, text,
                   expected);
}

winnow_status wn_metadata_number(const wn_safetensors *file, const char *key, double low, double high,
                                 double *value, winnow_error *error)
{
    const char *text;
    char expected[80];
    winnow_status status = wn_metadata_text(file, key, &text, error);
    if (status)
        return status;
    if (wn_parse_number(text, value) && *value >= low && *value <= high)
        return WINNOW_OK;
    snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    return wn_metadata_refuse(key, text, expected, error);
}

winnow_status wn_metadata_count(const wn_safetensors *file, const char *key, int low, int high, int *count,
                                winnow_error *error)
{
    double value;
    winnow_status status = wn_metadata_number(file, key, low, high, &value, error);
    if (!status && value != floor(value))
        status = wn_metadata_refuse(key, wn_safetensors_metadata(file, key), "a whole number", error);
    *count = status ? 0 : (int)value;
    return status;
}

winnow_status wn_metadata_choice(const wn_safetensors *file, const char *key, const char *const *names,
                                 int *choice, winnow_error *error)
{
    const char *text;
    char expected[160] = "one of";
    winnow_status status = wn_metadata_text(file, key, &text, error);
    if (status)
        return status;
    for (*choice = 0; names[*choice]; ++*choice) {
        if (!strcmp(text, names[*choice]))
            return WINNOW_OK;
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, " %s", names[*choice]);
    }
    return wn_metadata_refuse(key, text, expected, error);
}

static winnow_status read_three(const wn_safetensors *file, const char *key, double low, double high,
                                float value[3], winnow_error *error)
{
    const char *text;
    double three[3];
    winnow_status status = wn_metadata_text(file, key, &text, error);
    if (status)
        return status;
    bool good = wn_parse_numbers(text, 3, three);
    for (int i = 0; i < 3 && good; i++) {
        good = three[i] >= low && three[i] <= high;
        value[i] = (float)three[i];
    }
    return good ? WINNOW_OK : wn_metadata_refuse(key, text, "three numbers in range", error);
}

winnow_status wn_metadata_input(const wn_safetensors *file, wn_preprocess *preprocess, winnow_error *error)
{
    static const char *const channels[] = {"RGB", "BGR", NULL};
    int bgr = 0;
    winnow_status status = wn_metadata_choice(file, "winnow.channels", channels, &bgr, error);
    if (!status)
        status = read_three(file, "winnow.mean", -10, 10, preprocess->mean, error);
    if (!status)
        status = read_three(file, "winnow.std", 1e-3, 10, preprocess->std, error);
    preprocess->bgr = bgr;
    return status;
}

/* ---- writing ---- */

void wn_metadata_put_number(wn_writer *writer, const char *key, double value)
{
    char text[WN_NUMBER_TEXT];
    wn_format_number(value, text);
    wn_writer_metadata(writer, key, text);
}

static void put_three(wn_writer *writer, const char *key, const float value[3])
{
    char text[3][WN_NUMBER_TEXT], all[3 * WN_NUMBER_TEXT];
    for (int i = 0; i < 3; i++)
        wn_format_number(value[i], text[i]);
    snprintf(all, sizeof all, "%s %s %s", text[0], text[1], text[2]);
    wn_writer_metadata(writer, key, all);
}

void wn_metadata_put_input(wn_writer *writer, const wn_preprocess *preprocess)
{
    wn_writer_metadata(writer, "winnow.channels", preprocess->bgr ? "BGR" : "RGB");
    put_three(writer, "winnow.mean", preprocess->mean);
    put_three(writer, "winnow.std", preprocess->std);
}
