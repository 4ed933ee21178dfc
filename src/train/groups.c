/* SPDX-License-Identifier: Apache-2.0
 * Which photos belong together. Frames of one clip, leaves of one field, photos of one phone are not
 * independent: parted between training and validation they make a gate look better than it is. What tells
 * them apart is, in this order, how the user has sorted them, which camera took them, and when. */
#include "dataset_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BURST_GAP = 5 * 60 }; /* seconds */

typedef enum level { BY_FOLDER, BY_SOURCE, BY_SUBFOLDER, BY_CAMERA, BY_BURST } level;

/* One of the folders given, and how its photos are grouped. */
typedef struct root {
    const char *label; /* what its names start with */
    bool many;         /* it is one of several: names of subfolders start with the label too */
    size_t skip;  /* of the relative paths: folders that hold nothing but one folder, with their slashes */
    bool classes; /* the first subfolder says what a photo shows, not where it comes from */
    bool sources; /* two or more subfolders directly below it hold photos */
    level level;
    wn_photo **photo;
    size_t count;
} root;

/* The way to the photo from its root, without the folders that are passed through. */
static const char *way_of(const root *r, const wn_photo *photo)
{
    return photo->path + photo->relative + r->skip;
}

/* Length of the first folder's name in "a/b/photo.jpg"; 0 in "photo.jpg". */
static size_t first_folder(const char *way)
{
    const char *slash = strchr(way, '/');
    return slash ? (size_t)(slash - way) : 0;
}

/* Length of "a/b" in "a/b/photo.jpg". */
static size_t all_folders(const char *way)
{
    const char *slash = strrchr(way, '/');
    return slash ? (size_t)(slash - way) : 0;
}

/* The part of the way that tells where a photo comes from. */
static const char *source_way(const root *r, const wn_photo *photo)
{
    const char *way = way_of(r, photo);
    return r->classes && first_folder(way) ? way + first_folder(way) + 1 : way;
}

static size_t count_passed_folders(const root *r)
{
    size_t common = SIZE_MAX;
    const char *first = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const char *way = r->photo[i]->path + r->photo[i]->relative;
        const size_t length = all_folders(way);
        if (!first) {
            first = way;
            common = length ? length + 1 : 0;
        }
        size_t same = 0, whole = 0;
        for (; same < common && way[same] == first[same]; same++)
            if (way[same] == '/')
                whole = same + 1;
        common = whole;
    }
    return first ? common : 0;
}

/* Number of different subfolders that `length_of` tells; stops counting at `enough`. Negative: no memory. */
static int count_folders(const root *r, size_t (*length_of)(const char *), size_t enough)
{
    wn_names names = {0};
    int status = 0;
    for (size_t i = 0; i < r->count && names.count < enough && status >= 0; i++) {
        const char *way = source_way(r, r->photo[i]);
        if (length_of(way))
            status = wn_names_add(&names, way, length_of(way));
    }
    const int count = status < 0 ? -1 : (int)names.count;
    wn_names_free(&names);
    return count;
}

static bool several_cameras(const root *r)
{
    int camera = -1;
    for (size_t i = 0; i < r->count; i++) {
        if (camera >= 0 && r->photo[i]->camera >= 0 && r->photo[i]->camera != camera)
            return true;
        if (r->photo[i]->camera >= 0)
            camera = r->photo[i]->camera;
    }
    return false;
}

static bool choose_level(root *r, size_t folders)
{
    r->skip = r->classes ? 0 : count_passed_folders(r);
    const int sources = count_folders(r, first_folder, 3), subfolders = count_folders(r, all_folders, 2);
    if (sources < 0 || subfolders < 0)
        return false;
    r->sources = sources >= 2 && folders < 3;
    if (folders >= 3)
        r->level = BY_FOLDER;
    else if (sources >= 3)
        r->level = BY_SOURCE;
    else if (subfolders >= 2)
        r->level = BY_SUBFOLDER;
    else if (several_cameras(r))
        r->level = BY_CAMERA;
    else
        r->level = BY_BURST;
    return true;
}

/* "label/a/b", "a/b" or "label", for the first `length` bytes of the way. */
static int add_folder_name(wn_names *names, const root *r, const char *way, size_t length)
{
    char name[PATH_MAX + NAME_MAX];
    if (length == 0)
        return wn_names_add(names, r->label, strlen(r->label));
    const int size = snprintf(name, sizeof name, "%s%s%.*s", r->many ? r->label : "", r->many ? "/" : "",
                              (int)length, way);
    return wn_names_add(names, name, size < (int)sizeof name ? (size_t)size : sizeof name - 1);
}

static int add_camera_name(wn_dataset *dataset, const root *r, const wn_photo *photo)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s: %s", r->label,
             photo->camera >= 0 ? dataset->camera.name[photo->camera] : "unknown camera");
    return wn_names_add(&dataset->group, name, strlen(name));
}

static int by_time(const void *left, const void *right)
{
    const wn_photo *a = *(wn_photo *const *)left, *b = *(wn_photo *const *)right;
    if (a->taken != b->taken)
        return a->taken < b->taken ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Photos without a time come first, as group "label"; each burst is named after its first photo. */
static bool group_by_burst(wn_dataset *dataset, root *r)
{
    qsort(r->photo, r->count, sizeof *r->photo, by_time);
    int group = -1;
    for (size_t i = 0; i < r->count; i++) {
        wn_photo *photo = r->photo[i];
        char name[PATH_MAX], minute[32] = "";
        const bool joins = i > 0 && photo->taken - r->photo[i - 1]->taken <= BURST_GAP;
        if (!joins) {
            const time_t taken = (time_t)photo->taken;
            struct tm date;
            if (photo->taken && gmtime_r(&taken, &date))
                strftime(minute, sizeof minute, " %Y-%m-%d %H:%M", &date);
            snprintf(name, sizeof name, "%s%s", r->label, minute);
            group = wn_names_add(&dataset->group, name, strlen(name));
        }
        photo->group = group;
        if (group < 0)
            return false;
    }
    return true;
}

/* Says what the groups of a root without subfolders are. One that nothing parts is no burst. */
static void tell_sessions(wn_dataset *dataset, root *r)
{
    int camera = -1, last = -1;
    bool bursts = false;
    for (size_t i = 0; i < r->count; i++) {
        camera = r->photo[i]->camera >= 0 ? r->photo[i]->camera : camera;
        bursts |= i > 0 && r->photo[i]->group != last;
        last = r->photo[i]->group;
    }
    for (size_t i = 0; i < r->count; i++) {
        wn_photo *photo = r->photo[i];
        photo->group_kind = bursts ? WN_SOURCE_BURST : camera >= 0 ? WN_SOURCE_CAMERA : WN_SOURCE_FOLDER;
        photo->group_camera = camera >= 0 ? dataset->camera.name[camera]
                              : bursts    ? dataset->source.name[photo->source]
                                          : NULL;
    }
}

static bool group_root(wn_dataset *dataset, root *r)
{
    for (size_t i = 0; i < r->count; i++) {
        wn_photo *photo = r->photo[i];
        const char *way = way_of(r, photo);
        const char *from = source_way(r, photo);
        const size_t first = first_folder(way), all = all_folders(way);
        photo->source = add_folder_name(&dataset->source, r, from, r->sources ? first_folder(from) : 0);
        photo->subfolder = add_folder_name(&dataset->subfolder, r, way, all);
        photo->class_name = first ? wn_names_add(&dataset->class_name, way, first) : -1;
        photo->group = 0;
        photo->group_kind = WN_SOURCE_FOLDER;
        if (r->level == BY_CAMERA) {
            photo->group = add_camera_name(dataset, r, photo);
            if (photo->camera >= 0) {
                photo->group_kind = WN_SOURCE_CAMERA;
                photo->group_camera = dataset->camera.name[photo->camera];
            }
        } else if (r->level != BY_BURST)
            photo->group = add_folder_name(&dataset->group, r, from,
                                           r->level == BY_FOLDER   ? 0
                                           : r->level == BY_SOURCE ? first_folder(from)
                                                                   : all_folders(from));
        if (photo->source < 0 || photo->subfolder < 0 || photo->group < 0 || (first && photo->class_name < 0))
            return false;
    }
    if (r->level != BY_BURST)
        return true;
    if (!group_by_burst(dataset, r))
        return false;
    tell_sessions(dataset, r);
    return true;
}

/* The last folder of a path, malloc'ed: "rice" for "photos/rice/". */
static char *label_of(const char *folder)
{
    char *real = NULL;
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    const char *last = folder;
    for (size_t i = 0; i + 1 < length; i++)
        if (folder[i] == '/')
            last = folder + i + 1;
    const size_t size = (size_t)(folder + length - last);
    const bool named = strncmp(last, ".", size) && strncmp(last, "..", size);
    if (named || !(real = realpath(folder, NULL)))
        return strndup(last, size);
    const char *slash = strrchr(real, '/');
    char *label = strdup(slash[1] ? slash + 1 : slash);
    free(real);
    return label;
}

/* Each folder's last name; the whole path as it was given where two have the same. */
static bool label_roots(wn_names *labels, const char *const *folder, size_t folders)
{
    labels->name = calloc(folders, sizeof *labels->name);
    for (; labels->name && labels->count < folders; labels->count++)
        if (!(labels->name[labels->count] = label_of(folder[labels->count])))
            return false;
    return labels->name != NULL;
}

static const char *distinct_label(const wn_names *labels, const char *const *folder, size_t index)
{
    for (size_t i = 0; i < labels->count; i++)
        if (i != index && !strcmp(labels->name[i], labels->name[index]))
            return folder[index];
    return labels->name[index];
}

winnow_status wn_dataset_assign_groups(wn_dataset *dataset, const char *const *folder, size_t folders,
                                       bool classes, winnow_error *error)
{
    wn_names labels = {0};
    wn_photo **photo = malloc((dataset->count + 1) * sizeof(wn_photo *));
    bool done = photo && label_roots(&labels, folder, folders);
    for (size_t i = 0, next = 0; i < folders && done; i++) {
        root r = {.label = distinct_label(&labels, folder, i),
                  .many = folders > 1,
                  .classes = classes,
                  .photo = photo};
        for (; next < dataset->count && dataset->photo[next].root == (int)i; next++)
            photo[r.count++] = &dataset->photo[next];
        done = choose_level(&r, folders) && group_root(dataset, &r);
    }
    wn_names_free(&labels);
    free(photo);
    return done ? WINNOW_OK : wn_fail_memory(error);
}
