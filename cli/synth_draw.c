/* SPDX-License-Identifier: Apache-2.0
 *
 * The folders are listed first, then their pictures are drawn by all cores. Normals come from plots that
 * training and testing do not share: a gate is measured on plots it never saw. */
#include "codec/codec.h"
#include "output.h"
#include "progress.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/random.h"
#include "synth.h"
#include "synth/synth.h"
#include "train/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TRAIN_PLOTS = 6, TEST_PLOTS = 3, MAX_FOLDERS = TRAIN_PLOTS + TEST_PLOTS + 4 };
enum { DIR_LIMIT = 3900, PATH_SIZE = 4096, MAX_THREADS = 64 };

typedef struct folder {
    char path[PATH_SIZE];
    synth_kind kind;
    uint64_t place;   /* 0: anywhere */
    int first, count; /* of its pictures, in the order of drawing */
} folder;

typedef struct drawing {
    const synth_options *options;
    folder folders[MAX_FOLDERS];
    int folder_count, picture_count, batch_start;
    winnow_status status[MAX_THREADS]; /* what went wrong first in each thread */
    winnow_error error[MAX_THREADS];
} drawing;

/* ---- folders ---- */

static folder *add_folder(drawing *d, synth_kind kind, int count)
{
    folder *f = &d->folders[d->folder_count++];
    f->kind = kind;
    f->first = d->picture_count;
    f->count = count;
    d->picture_count += count;
    return f;
}

/* part is "train" or "test"; the plots are lettered from `letter` on. */
static void list_folders(drawing *d, const char *dir, const char *part, int count, char letter, int plots)
{
    wn_random random;
    plots = plots < count ? plots : count;
    for (int i = 0; i < plots; i++, letter++) {
        folder *f = add_folder(d, SYNTH_NORMAL, count * (i + 1) / plots - count * i / plots);
        wn_random_seed(&random, d->options->seed, (uint64_t)letter);
        f->place = wn_random_next(&random) | 1;
        snprintf(f->path, PATH_SIZE, "%s/%s/%s/plot-%c", dir, part, synth_kind_name(f->kind), letter);
    }
    for (int kind = SYNTH_LOOKALIKE; kind < SYNTH_KINDS; kind++) {
        folder *f = add_folder(d, (synth_kind)kind, count);
        snprintf(f->path, PATH_SIZE, "%s/%s/%s", dir, part, synth_kind_name(f->kind));
    }
}

static int make_folder(char *path)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = 0;
        if (mkdir(path, 0777) && errno != EEXIST)
            return output_usage("%s: cannot make this folder: %s", path, strerror(errno));
        if (!slash)
            return STATUS_DONE;
        *slash = '/';
    }
}

/* The pictures of another run would end up among these. */
static int refuse_old_pictures(const char *dir)
{
    static const char *const parts[] = {"train", "test"};
    if (strlen(dir) > DIR_LIMIT)
        return output_usage("%.60s...: the path is too long", dir);
    for (int i = 0; i < 2; i++) {
        char path[PATH_SIZE];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", dir, parts[i]);
        if (lstat(path, &info) == 0)
            return output_usage("%s is there already; give a new folder, or remove it first", path);
    }
    return STATUS_DONE;
}

/* ---- drawing ---- */

static winnow_status draw_picture(const synth_options *options, const folder *f, int index,
                                  winnow_error *error)
{
    int w = options->size[0], h = options->size[1];
    void *bytes = NULL;
    size_t size = 0;
    char path[PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/%03d.jpg", f->path, index - f->first);
    wn_random random;
    wn_random_seed(&random, options->seed, (uint64_t)index << 8); /* plots take the streams below 256 */
    uint8_t *rgb = malloc((size_t)w * (size_t)h * 3);
    if (!rgb)
        return wn_fail_memory(error);
    winnow_status status = synth_scene_at(f->kind, f->place, wn_random_next(&random), w, h, rgb, error);
    if (!status)
        status = codec_encode_jpeg(rgb, w, h, options->quality, &bytes, &size, error);
    if (!status)
        status = wn_write_file_atomic(path, bytes, size, error);
    free(bytes);
    free(rgb);
    return status;
}

static void draw_task(void *context, int index, int worker)
{
    drawing *d = context;
    int picture = d->batch_start + index, at = 0;
    if (d->status[worker])
        return;
    while (picture >= d->folders[at].first + d->folders[at].count)
        at++;
    d->status[worker] = draw_picture(d->options, &d->folders[at], picture, &d->error[worker]);
}

static int draw_all(drawing *d)
{
    int threads = wn_cpu_count() < MAX_THREADS ? wn_cpu_count() : MAX_THREADS, batch = threads * 4;
    int status = STATUS_DONE;
    wn_pool *pool = wn_pool_create(threads);
    if (!pool) {
        output_error("cannot start %d threads", threads);
        return STATUS_INTERNAL;
    }
    progress bar;
    progress_begin(&bar, "synth", "pictures", d->picture_count);
    for (; d->batch_start < d->picture_count && !status; d->batch_start += batch) {
        int rest = d->picture_count - d->batch_start;
        wn_pool_run(pool, rest < batch ? rest : batch, draw_task, d);
        progress_update(&bar, d->batch_start);
        for (int i = 0; i < threads && !status; i++)
            if (d->status[i])
                status = output_failure(&d->error[i]);
    }
    progress_end(&bar);
    wn_pool_free(pool);
    return status;
}

static int report(const drawing *d)
{
    json_t *folders = json_array();
    for (int i = 0; i < d->folder_count; i++) {
        const folder *f = &d->folders[i];
        if (d->options->json)
            json_array_append_new(folders, json_pack("{s:s, s:i}", "path", f->path, "count", f->count));
        else
            printf("%s: %d picture%s\n", f->path, f->count, f->count == 1 ? "" : "s");
    }
    if (d->options->json)
        return output_json(json_pack("{s:o}", "folders", folders));
    json_decref(folders);
    return STATUS_DONE;
}

static int draw_into(drawing *d, const char *dir)
{
    int count = d->options->count, status = STATUS_DONE;
    list_folders(d, dir, "train", count, 'a', TRAIN_PLOTS);
    list_folders(d, dir, "test", (count + 1) / 2, 'a' + TRAIN_PLOTS, TEST_PLOTS);
    for (int i = 0; i < d->folder_count && !status; i++)
        status = make_folder(d->folders[i].path);
    if (!status)
        status = draw_all(d);
    return status ? status : report(d);
}

int synth_draw(const char *dir, const synth_options *options)
{
    int status = refuse_old_pictures(dir);
    if (status)
        return status;
    drawing *d = calloc(1, sizeof *d);
    if (!d) {
        output_error("out of memory");
        return STATUS_INTERNAL;
    }
    d->options = options;
    status = draw_into(d, dir);
    free(d);
    return status;
}
