/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder's identity, whatever path leads to it. */
typedef struct place {
    dev_t device;
    ino_t inode;
} place;

/* The folders that were read: open addressing, at most half full. */
typedef struct place_set {
    place *slot;
    bool *taken;
    size_t count, capacity;
} place_set;

typedef struct walk {
    const wn_report *report;
    const volatile sig_atomic_t *stop;
    wn_scan *scan;
    size_t capacity;
    place_set seen;
    int root;
    size_t root_length; /* of the path of the root, with the slash behind it */
    winnow_error *error;
} walk;

typedef struct entry {
    char *name;
    unsigned char type; /* of struct dirent */
} entry;

typedef struct entries {
    entry *item;
    size_t count, capacity;
    bool hidden; /* some were skipped */
} entries;

void wn_report_line(const wn_report *report, const char *format, ...)
{
    if (!report || !report->line)
        return;
    char text[sizeof(winnow_error){0}.message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    winnow_error line;
    wn_fail(&line, WINNOW_ERROR_DATA, -1, "%s", text); /* one line, whatever is in the names */
    report->line(report->context, line.message);
}

/* Grows an array of `size`-byte items so that one more fits. */
static bool reserve(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    const size_t larger = *capacity ? *capacity * 2 : 64;
    void *moved = larger < SIZE_MAX / size ? realloc(*items, larger * size) : NULL;
    if (!moved)
        return false;
    *items = moved;
    *capacity = larger;
    return true;
}

/* ---- folders that were read ---- */

static size_t find_slot(const place_set *set, place p)
{
    const uint64_t mixed = ((uint64_t)p.inode * 0x9e3779b97f4a7c15u) ^ (uint64_t)p.device;
    size_t i = (size_t)(mixed >> 20) & (set->capacity - 1);
    while (set->taken[i] && (set->slot[i].device != p.device || set->slot[i].inode != p.inode))
        i = (i + 1) & (set->capacity - 1);
    return i;
}

static bool grow_places(place_set *set)
{
    const place_set old = *set;
    set->capacity = old.capacity ? old.capacity * 2 : 64;
    set->slot = calloc(set->capacity, sizeof *set->slot);
    set->taken = calloc(set->capacity, sizeof *set->taken);
    if (set->slot && set->taken)
        for (size_t i = 0; i < old.capacity; i++)
            if (old.taken[i]) {
                const size_t to = find_slot(set, old.slot[i]);
                set->slot[to] = old.slot[i];
                set->taken[to] = true;
            }
    free(old.slot);
    free(old.taken);
    return set->slot && set->taken;
}

/* *known tells whether the folder had been added before. */
static winnow_status add_place(walk *w, const struct stat *info, bool *known)
{
    place_set *set = &w->seen;
    if (set->count * 2 >= set->capacity && !grow_places(set))
        return wn_fail_memory(w->error);
    const place p = {info->st_dev, info->st_ino};
    const size_t i = find_slot(set, p);
    *known = set->taken[i];
    if (!*known)
        set->count++;
    set->slot[i] = p;
    set->taken[i] = true;
    return WINNOW_OK;
}

/* ---- one folder ---- */

static bool is_hidden(const char *name)
{
    static const char *const litter[] = {"Thumbs.db", "desktop.ini", "__MACOSX"};
    if (name[0] == '.')
        return true;
    for (size_t i = 0; i < sizeof litter / sizeof *litter; i++)
        if (!strcmp(name, litter[i]))
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static void free_entries(entries *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i].name);
    free(list->item);
}

static winnow_status read_entries(walk *w, DIR *folder, entries *list)
{
    for (struct dirent *d; (d = readdir(folder));) {
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
            continue;
        if (is_hidden(d->d_name)) {
            list->hidden = true;
            continue;
        }
        if (!reserve((void **)&list->item, list->count, &list->capacity, sizeof *list->item))
            return wn_fail_memory(w->error);
        list->item[list->count] = (entry){strdup(d->d_name), d->d_type};
        if (!list->item[list->count++].name)
            return wn_fail_memory(w->error);
    }
    if (list->count)
        qsort(list->item, list->count, sizeof *list->item, by_name);
    return WINNOW_OK;
}

static winnow_status add_file(walk *w, char *path)
{
    wn_scan *scan = w->scan;
    if (!reserve((void **)&scan->file, scan->count, &w->capacity, sizeof *scan->file)) {
        free(path);
        return wn_fail_memory(w->error);
    }
    scan->file[scan->count++] = (wn_scan_file){path, w->root_length, w->root};
    return WINNOW_OK;
}

static void leave_out(walk *w, const char *path, const char *why)
{
    wn_report_line(w->report, "%s: %s", path, why);
    w->scan->unusable++;
}

static winnow_status walk_folder(walk *w, const char *path, const struct stat *info);

/* Takes `path` over. */
static winnow_status walk_entry(walk *w, char *path, unsigned char type)
{
    struct stat info;
    winnow_status status = WINNOW_OK;
    if (type == DT_REG)
        return add_file(w, path);
    if (stat(path, &info)) {
        const int reason = errno;
        const bool dangling = type == DT_LNK && reason == ENOENT;
        leave_out(w, path, dangling ? "a link to nothing" : strerror(reason));
    } else if (S_ISREG(info.st_mode)) {
        return add_file(w, path);
    } else if (S_ISDIR(info.st_mode)) {
        status = walk_folder(w, path, &info);
    } else {
        leave_out(w, path, "neither a file nor a folder");
    }
    free(path);
    return status;
}

static winnow_status walk_entries(walk *w, const char *path, const entries *list)
{
    const size_t length = strlen(path);
    for (size_t i = 0; i < list->count; i++) {
        if (w->stop && *w->stop)
            return wn_fail(w->error, WINNOW_ERROR_ARGUMENT, -1, "interrupted");
        const size_t size = length + strlen(list->item[i].name) + 2;
        char *child = malloc(size);
        if (!child)
            return wn_fail_memory(w->error);
        snprintf(child, size, "%s/%s", path, list->item[i].name);
        const winnow_status status = walk_entry(w, child, list->item[i].type);
        if (status)
            return status;
    }
    return WINNOW_OK;
}

/* Reads the whole folder before it looks into what is in it: only one folder is open at a time. */
static winnow_status walk_folder(walk *w, const char *path, const struct stat *info)
{
    bool known;
    winnow_status status = add_place(w, info, &known);
    if (status)
        return status;
    if (known) {
        wn_report_line(w->report, "%s: this folder was read already, by another way; left out here", path);
        return WINNOW_OK;
    }
    DIR *folder = opendir(*path ? path : "/");
    if (!folder) {
        leave_out(w, path, strerror(errno));
        return WINNOW_OK;
    }
    entries list = {0};
    status = read_entries(w, folder, &list);
    closedir(folder);
    if (!status && list.count == 0 && !list.hidden)
        wn_report_line(w->report, "%s: the folder is empty", path);
    if (!status)
        status = walk_entries(w, path, &list);
    free_entries(&list);
    return status;
}

/* A folder that the user named must be there, and new. */
static winnow_status walk_root(walk *w, const char *folder)
{
    struct stat info;
    if (!*folder)
        return wn_fail(w->error, WINNOW_ERROR_ARGUMENT, -1, "a folder's name is empty");
    if (stat(folder, &info))
        return wn_fail(w->error, WINNOW_ERROR_IO, -1, "%s: %s", folder,
                       errno == ENOENT ? "there is no such folder" : strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return wn_fail(w->error, WINNOW_ERROR_IO, -1, "%s: is not a folder", folder);
    DIR *try = opendir(folder);
    if (!try)
        return wn_fail(w->error, WINNOW_ERROR_IO, -1, "%s: the folder cannot be read: %s", folder,
                       strerror(errno));
    closedir(try);
    if (w->seen.count > 0 && w->seen.taken[find_slot(&w->seen, (place){info.st_dev, info.st_ino})])
        return wn_fail(w->error, WINNOW_ERROR_ARGUMENT, -1,
                       "%s: the folder is given twice, or lies within another that is given", folder);
    char *path = strdup(folder);
    if (!path)
        return wn_fail_memory(w->error);
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        path[--length] = 0;
    w->root_length = length + 1;
    const winnow_status status = walk_folder(w, path, &info);
    free(path);
    return status;
}

winnow_status wn_scan_folders(const char *const *folder, size_t folders, const wn_report *report,
                              const volatile sig_atomic_t *stop, wn_scan *scan, winnow_error *error)
{
    *scan = (wn_scan){0};
    walk w = {.report = report, .stop = stop, .scan = scan, .error = error};
    winnow_status status = WINNOW_OK;
    for (size_t i = 0; i < folders && !status; i++) {
        w.root = (int)i;
        status = walk_root(&w, folder[i]);
    }
    free(w.seen.slot);
    free(w.seen.taken);
    return status;
}

void wn_scan_free(wn_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        free(scan->file[i].path);
    free(scan->file);
    *scan = (wn_scan){0};
}
