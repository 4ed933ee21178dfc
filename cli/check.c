/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow check`: judges photos. */
#include "../src/train/scan.h"
#include "commands.h"
#include "drift.h"
#include "explain.h"
#include "judge.h"
#include "options.h"
#include "output.h"
#include "then.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 /* photos that are judged together at the most */ };

static struct {
    const char *then, *explain;
    bool json;
    int threads;
} given;

static const option_row rows[] = {
    {"then", 0, OPTION_TEXT, "CMD",
     "run this shell command for each accepted photo, with its path for {} (outside quotes) or at the end; "
     "WINNOW_CLASS and WINNOW_PROBABILITY tell its class",
     &given.then},
    {"explain", 0, OPTION_TEXT, "OUT.png",
     "paint what speaks for the photo (green) and against it (orange), by the scores of 8 x 8 patches; of "
     "several, the others go to OUT-2.png ...",
     &given.explain},
    {"json", 0, OPTION_FLAG, NULL, "one JSON object a line", &given.json},
    {"threads", 0, OPTION_INTEGER, "N", "threads (default: as many as there are cores)", &given.threads, 1,
     256},
    {0},
};

static const options_usage usage = {
    "GATE PHOTO|FOLDER|- ...",
    "Judges photos: path, verdict, p-value and similarity of each, separated by tabs. Folders are read "
    "recursively; `-` reads paths from "
    "standard input, one a line. Where the gate tells classes, an accepted photo's class and probability "
    "follow, else `rejected`.\nExit status: 0 all accepted, 1 some turned away, 2 some could not be read, or "
    "a command of --then failed.",
    rows,
    2,
    -1,
};

/* ---- what is to be judged ---- */

typedef struct queue {
    const winnow_gate *gate;
    judge *judge;
    winnow_session *explainer; /* where maps are asked for */
    size_t explained;
    char *path[CHUNK];
    judged judged[CHUNK];
    size_t count;
    bool in_folder; /* what is added now is a folder's */
    bool of_folder[CHUNK];
    float *p; /* [p_count] p-values of what folders held */
    size_t p_count;
    size_t verdicts[3]; /* of the same photos, by winnow_verdict */
    bool rejected, failed;
} queue;

static void print_json(const queue *t, const char *path, const judged *j)
{
    if (j->failed) {
        output_json(json_pack("{s:s, s:s, s:n, s:n, s:n, s:n, s:s}", "path", path, "verdict", "error",
                              "p_value", "similarity", "class", "probability", "message", j->message));
        return;
    }
    const winnow_result *r = &j->result;
    const bool classified = r->class_index >= 0 && r->verdict == WINNOW_NORMAL;
    output_json(json_pack("{s:s, s:s, s:o, s:o, s:s?, s:o, s:n}", "path", path, "verdict",
                          winnow_verdict_name(r->verdict), "p_value", output_real((double)r->p_value),
                          "similarity", output_real((double)r->similarity), "class",
                          classified ? winnow_gate_class_name(t->gate, r->class_index) : NULL, "probability",
                          classified ? output_real((double)r->class_probability) : json_null(), "message"));
}

static void print_text(const queue *t, const char *path, const judged *j)
{
    static const output_colour colours[] = {COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED};
    if (j->failed) {
        printf("%s\terror\t-\t-\n", path);
        output_error("%s", j->message);
        return;
    }
    const winnow_result *r = &j->result;
    printf("%s\t%s%s%s\t%.4g\t%.6g", path, output_paint(colours[r->verdict]), winnow_verdict_name(r->verdict),
           output_paint(COLOUR_OFF), (double)r->p_value, (double)r->similarity);
    if (r->class_index >= 0 && r->verdict == WINNOW_NORMAL)
        printf("\t%s\t%.4g", winnow_gate_class_name(t->gate, r->class_index), (double)r->class_probability);
    else if (r->class_index >= 0)
        fputs("\trejected\t-", stdout);
    putchar('\n');
}

/* Before any photo is judged: the maps' folder, and that they are PNG. */
static bool can_explain(void)
{
    const char *slash = strrchr(given.explain, '/'), *dot = strrchr(given.explain, '.');
    if (!dot || strcasecmp(dot, ".png") != 0) {
        output_error("--explain %s: it writes PNG; name it .png", given.explain);
        return false;
    }
    char folder[4096];
    struct stat info;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - given.explain) + 1 : 1,
             slash ? given.explain : ".");
    if (stat(folder, &info) || !S_ISDIR(info.st_mode)) {
        output_error("--explain %s: its folder does not exist", given.explain);
        return false;
    }
    return true;
}

/* OUT.png, OUT-2.png, OUT-3.png ... */
static bool name_map(size_t number, char *path, size_t size)
{
    const char *dot = strrchr(given.explain, '.'), *slash = strrchr(given.explain, '/');
    const size_t stem =
        dot && (!slash || dot > slash) ? (size_t)(dot - given.explain) : strlen(given.explain);
    const int length = number == 1 ? snprintf(path, size, "%s", given.explain)
                                   : snprintf(path, size, "%.*s-%zu%s", (int)stem, given.explain, number,
                                              given.explain + stem);
    return (size_t)length < size;
}

static void explain(queue *t, const char *photo)
{
    char path[4096];
    float strongest;
    winnow_error error = {WINNOW_ERROR_ARGUMENT, -1, "--explain: the name is too long"};
    if (!name_map(++t->explained, path, sizeof path) ||
        explain_photo(t->explainer, t->gate, photo, path, &strongest, &error)) {
        output_error("%s", error.message);
        t->failed = true;
        return;
    }
    output_note("%s: %s; full colour is %.3g above (green) or below the threshold", path, photo,
                (double)strongest);
}

/* Hands an accepted photo on. */
static void hand_on(queue *t, const char *path, const winnow_result *result)
{
    fflush(stdout); /* the command's own output follows the photo's line */
    const int status = then_run(given.then, path, winnow_gate_class_name(t->gate, result->class_index),
                                (double)result->class_probability);
    if (!status)
        return;
    t->failed = true;
    if (status < 0)
        output_error("%s: the command of --then cannot be started", path);
    else
        output_error("%s: the command of --then ended with status %d", path, status);
}

/* Without memory for it nothing is said. */
static void remember(queue *t, float p)
{
    if ((t->p_count & (t->p_count - 1)) == 0) { /* room for the next power of two */
        float *more = realloc(t->p, (t->p_count ? 2 * t->p_count : 1) * sizeof *more);
        if (!more)
            return;
        t->p = more;
    }
    t->p[t->p_count++] = p;
}

/* Of the photos of folders: how many got which verdict, and, as `winnow eval` says it of normals, whether
 * that is more turned away, at lower p-values, than chance leaves of right photos. */
static void sum_up(const queue *t)
{
    const size_t *verdicts = t->verdicts, count = verdicts[0] + verdicts[1] + verdicts[2];
    const size_t rejected = count - verdicts[WINNOW_NORMAL];
    if (count < 2)
        return;
    const drift_basis basis = drift_basis_of(t->gate);
    output_note("%zu photos: %zu normal, %zu unsure, %zu abnormal; %.3g%% turned away, %.3g%% of right ones "
                "would be%s",
                count, verdicts[WINNOW_NORMAL], verdicts[WINNOW_UNSURE], verdicts[WINNOW_ABNORMAL],
                100 * (double)rejected / (double)count, 100 * (double)winnow_gate_false_reject(t->gate),
                basis.over_sources ? ", on average over sources" : "");
    const drift_finding found = drift_find(t->gate, &basis, t->p, t->p_count, rejected, 1);
    if (found.broken || (found.promise == REPORT_ABOVE && basis.over_sources && count >= DRIFT_LEAST))
        output_note("that is more than %s: some are not what the gate is for, or the camera is %s one, for "
                    "which `winnow calibrate` on right photos alone sets the threshold",
                    basis.over_sources ? "sources have on average" : "chance",
                    basis.over_sources ? "an unlike" : "a new");
}

static void judge_all(queue *t)
{
    judge_photos(t->judge, (const char *const *)t->path, t->count, t->judged, NULL);
    for (size_t i = 0; i < t->count; i++) {
        const judged *j = &t->judged[i];
        (given.json ? print_json : print_text)(t, t->path[i], j);
        if (given.explain && !j->failed)
            explain(t, t->path[i]);
        if (given.then && !j->failed && j->result.verdict == WINNOW_NORMAL)
            hand_on(t, t->path[i], &j->result);
        t->failed |= j->failed;
        t->rejected |= !j->failed && j->result.verdict != WINNOW_NORMAL;
        if (t->of_folder[i] && !j->failed) {
            remember(t, j->result.p_value);
            t->verdicts[j->result.verdict]++;
        }
        free(t->path[i]);
    }
    fflush(stdout);
    t->count = 0;
}

static bool add(queue *t, const char *path)
{
    t->path[t->count] = strdup(path);
    if (!t->path[t->count])
        return false;
    t->of_folder[t->count] = t->in_folder;
    if (++t->count == CHUNK)
        judge_all(t);
    return true;
}

static void report_line(void *context, const char *line)
{
    (void)context;
    output_warning("%s", line);
}

static winnow_status add_folder(queue *t, const char *folder, winnow_error *error)
{
    const wn_report report = {report_line, NULL};
    wn_scan scan;
    winnow_status status = wn_scan_folders(&folder, 1, &report, NULL, &scan, error);
    t->in_folder = true;
    for (size_t i = 0; i < scan.count && !status; i++)
        if (!add(t, scan.file[i].path))
            status = WINNOW_ERROR_MEMORY;
    t->in_folder = false;
    wn_scan_free(&scan);
    return status;
}

/* The text of standard input that is not a whole line yet. */
typedef struct pending {
    char *text;
    size_t length, size;
} pending;

static bool more_waits(void)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};
    return poll(&in, 1, 0) != 0; /* also an end, or what cannot be polled: reading tells */
}

/* Adds the whole lines, and keeps the rest. */
static bool add_lines(queue *t, pending *p)
{
    char *line = p->text, *end;
    while ((end = memchr(line, '\n', p->length - (size_t)(line - p->text)))) {
        *end = 0;
        if (end > line && end[-1] == '\r')
            end[-1] = 0;
        if (*line && !add(t, line))
            return false;
        line = end + 1;
    }
    p->length -= (size_t)(line - p->text);
    memmove(p->text, line, p->length);
    return true;
}

/* Paths from standard input. What has come is judged as soon as nothing more waits: at once where they come
 * slowly, as from a camera; many together from a list. */
static winnow_status add_stdin(queue *t)
{
    pending p = {0};
    bool ok = true;
    ssize_t got = 1;
    while (ok && got) {
        if (p.size < p.length + 4096) {
            char *more = realloc(p.text, p.size = 2 * p.length + 8192);
            if (!(ok = more != NULL))
                break;
            p.text = more;
        }
        if (t->count && !more_waits())
            judge_all(t);
        got = read(STDIN_FILENO, p.text + p.length, p.size - p.length - 1); /* a last line may lack its end */
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            got = 0;
            p.text[p.length++] = '\n';
        }
        p.length += (size_t)got;
        ok = add_lines(t, &p);
    }
    free(p.text);
    return ok ? WINNOW_OK : WINNOW_ERROR_MEMORY;
}

static winnow_status add_operand(queue *t, const char *operand, winnow_error *error)
{
    struct stat info;
    if (!strcmp(operand, "-"))
        return add_stdin(t);
    if (!stat(operand, &info) && S_ISDIR(info.st_mode))
        return add_folder(t, operand, error);
    return add(t, operand) ? WINNOW_OK : WINNOW_ERROR_MEMORY;
}

int command_check(int argc, char **argv)
{
    char **operands;
    int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status >= 0)
        return exit_status;
    if (given.explain && !can_explain())
        return STATUS_USAGE;
    winnow_error error = {WINNOW_ERROR_MEMORY, -1, "out of memory"};
    winnow_gate *gate = NULL;
    const int threads = given.threads ? given.threads : wn_cpu_count();
    ahead *first = threads > 1 && operands[1] ? ahead_start(operands[0], operands[1]) : NULL;
    queue *t = calloc(1, sizeof *t);
    winnow_status status = t ? winnow_gate_open(operands[0], &gate, &error) : WINNOW_ERROR_MEMORY;
    if (!status)
        status = judge_create(gate, threads, first, &t->judge, &error);
    if (!status && given.explain)
        status = winnow_session_create(gate, &t->explainer, &error);
    if (t)
        t->gate = gate;
    for (char **operand = operands + 1; *operand && !status; operand++)
        status = add_operand(t, *operand, &error);
    if (!status) {
        judge_all(t);
        sum_up(t);
    }
    exit_status = status        ? output_failure(&error)
                  : t->failed   ? STATUS_USAGE
                  : t->rejected ? STATUS_REJECTED
                                : STATUS_DONE;
    if (t) {
        judge_free(t->judge);
        winnow_session_free(t->explainer);
        free(t->p);
    }
    free(t);
    ahead_free(first);
    winnow_gate_free(gate);
    return exit_status;
}
