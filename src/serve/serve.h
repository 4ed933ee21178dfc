/* SPDX-License-Identifier: Apache-2.0
 * A small static server for the camera page: the files of one folder, a gate beside them, nothing else. */
#ifndef WN_SERVE_H
#define WN_SERVE_H

#include "../runtime/error.h"

#include <stdbool.h>

typedef struct wn_server wn_server;

/* Serves the folder `web` on address:port (port 0: any that is free), and `gate` (NULL: what the folder has)
 * as /gate.safetensors, until wn_serve_stop. The paths must outlive the server. Requests are answered on
 * threads of its own. The port is written to *bound. Refuses a folder without the page or without the
 * runtime for browsers, and a gate that is no safetensors file. */
winnow_status wn_serve_start(const char *web, const char *gate, const char *address, int port,
                             wn_server **server, int *bound, winnow_error *error);
void wn_serve_stop(wn_server *server);

/* The media type of a file by its name; NULL: not a kind that a page is made of, so not served. */
const char *wn_serve_type(const char *name);

/* Whether a URL's path names a file that may be served: plain names, one below the other, none hidden. */
bool wn_serve_allowed(const char *path);

#endif
