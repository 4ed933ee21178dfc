/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow serve`: the camera page for a browser, with a gate. */
#include "../src/serve/serve.h"
#include "../src/train/backbone.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *web, *gate, *address;
    int port;
} given = {.address = "127.0.0.1", .port = 8080};

static const option_row rows[] = {
    {"web", 0, OPTION_TEXT, "DIR", "the page's folder; else that of the installation, or ./web", &given.web},
    {"gate", 'g', OPTION_TEXT, "FILE",
     "the gate that the page starts with, or a backbone to teach one from (default: gate.safetensors in the "
     "page's folder, else the backbone of `make backbone`)",
     &given.gate},
    {"port", 'p', OPTION_INTEGER, "N", "to listen on; 0: any that is free", &given.port, 0, 65535},
    {"address", 0, OPTION_TEXT, "IP", "to listen on; 0.0.0.0: every network (a phone needs https before it)",
     &given.address},
    {0},
};

static const options_usage usage = {
    "[options]",
    "Serves the camera page until Ctrl-C. Everything is computed in the browser; no picture comes here.",
    rows, 0, 0};

static const char *web_folder(void)
{
    if (given.web)
        return given.web;
    return access(WINNOW_WEB_FOLDER "/index.html", R_OK) ? "web" : WINNOW_WEB_FOLDER;
}

/* What the page starts with; NULL: what its folder has, or nothing. */
static const char *gate_file(const char *web, char *path, size_t size)
{
    if (given.gate)
        return given.gate;
    const int length = snprintf(path, size, "%s/gate.safetensors", web);
    if (length < (int)size && !access(path, R_OK))
        return NULL;
    return wn_backbone_default(path, size) ? path : NULL;
}

int command_serve(int argc, char **argv)
{
    char **operands;
    const int exit_status = options_read(&usage, argc, argv, &operands);
    if (exit_status >= 0)
        return exit_status;

    sigset_t ends; /* blocked before there are threads, so that sigwait alone sees them */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    winnow_error error;
    wn_server *server;
    char path[4096];
    int port, signal_number;
    const char *web = web_folder(), *gate = gate_file(web, path, sizeof path);
    if (wn_serve_start(web, gate, given.address, given.port, &server, &port, &error))
        return output_failure(&error);
    printf("http://%s:%d/\n", strcmp(given.address, "0.0.0.0") != 0 ? given.address : "localhost", port);
    fflush(stdout);
    sigwait(&ends, &signal_number);
    wn_serve_stop(server);
    return STATUS_DONE;
}
