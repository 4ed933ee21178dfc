/* SPDX-License-Identifier: Apache-2.0
 * The photos that the gate gets most wrong, as thumbnails inside the page. */
#include "sections.h"

#include "../codec/codec.h"
#include "../runtime/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THUMBNAIL = 160, GALLERY = 24 };

void section_thumbnail(text *out, const char *path)
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
    void *scratch =
        aligned_alloc(64, (wn_resize_scratch(picture.width, picture.height, width, height) + 63) / 64 * 64);
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
void section_gallery(text *out, const report_page *report, bool normal)
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
    text_format(out, "<h2 id=\"%s\">%s (%zu)</h2>", normal ? "rejected-normals" : "accepted-abnormals",
                normal ? "Normal photos that were turned away" : "Abnormal photos that were let through",
                count);
    text_add(out, count ? "<ul class=\"gallery\">" : "<p class=\"soft\">None.</p>");
    for (size_t i = 0; i < count && i < GALLERY; i++) {
        const report_photo *photo = found[normal ? i : count - 1 - i];
        const char *slash = strrchr(photo->path, '/');
        text_add(out, "<li title=\"");
        text_escape(out, photo->path);
        text_add(out, "\">");
        section_thumbnail(out, photo->path);
        text_format(out, "p = %.2g<span class=\"name\">", (double)photo->p_value);
        text_escape(out, photo->group);
        text_add(out, "<br>");
        text_escape(out, slash ? slash + 1 : photo->path);
        text_add(out, "</span></li>");
    }
    if (count)
        text_add(out, "</ul>");
    if (count > GALLERY)
        text_format(out, "<p class=\"soft\">The %d worst of %zu.</p>", GALLERY, count);
    if (count)
        text_format(out,
                    "<p class=\"soft\">A folder of photos like these teaches the gate to %s, in seconds: "
                    "<code>winnow learn GATE --%s FOLDER -o NEW</code></p>",
                    normal ? "accept them" : "turn them away", normal ? "normal" : "abnormal");
    free(found);
}
