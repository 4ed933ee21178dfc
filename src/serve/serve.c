/* SPDX-License-Identifier: Apache-2.0
 *
 * libmicrohttpd does the HTTP; here is what may be served, as what, and under which policy. Nothing of a
 * request but its method, its path and the version that its sender has is looked at, and a path is looked up
 * only when every part of it is a plain name. */
#include "serve.h"

#include "../library/library.h"
#include "../runtime/safetensors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Loaded when a server starts: MHD_stop_daemon() is called http.stop_daemon(). */
#define FUNCTIONS(X)                                                                                         \
    X(add_response_header)                                                                                   \
    X(create_response_from_buffer)                                                                           \
    X(create_response_from_fd64)                                                                             \
    X(destroy_response)                                                                                      \
    X(get_daemon_info)                                                                                       \
    X(lookup_connection_value)                                                                               \
    X(queue_response)                                                                                        \
    X(start_daemon)                                                                                          \
    X(stop_daemon)

#ifdef __APPLE__
#define MODIFIED_TIME st_mtimespec
#else
#define MODIFIED_TIME st_mtim
#endif

#define POINTER(name) __typeof__(&MHD_##name) name;
static struct {
    FUNCTIONS(POINTER)
} http;

struct wn_server {
    struct MHD_Daemon *daemon;
    const char *web, *gate;
};

const char *wn_serve_type(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".webmanifest", "application/manifest+json"},
        {".json", "application/json"},
        {".safetensors", "application/octet-stream"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (!strcmp(dot, types[i][0]))
            return types[i][1];
    return NULL;
}

bool wn_serve_allowed(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (*path != '/' || strlen(path) > 200)
        return false;
    while (*path == '/') {
        path++;
        const size_t length = strspn(path, plain);
        if (!length || *path == '.')
            return false;
        path += length;
    }
    return !*path;
}

/* The page needs its own files, a worker, WebAssembly, pictures that it made itself, and nobody else's
 * anything. index.html says the same for other servers, but frame-ancestors, which a page cannot say. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response, const char *type)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src "
                                    "'self'; style-src 'self'; img-src 'self' "
                                    "blob:; media-src 'self' blob: mediastream:; connect-src 'self'; "
                                    "manifest-src 'self'; base-uri 'none'; "
                                    "form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Permissions-Policy", "camera=(self)"},
        {"Cache-Control", "no-cache"},
    };
    if (!response)
        return MHD_NO;
    http.add_response_header(response, "Content-Type", type);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        http.add_response_header(response, headers[i][0], headers[i][1]);
    const enum MHD_Result result = http.queue_response(connection, status, response);
    http.destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(
        connection, status,
        http.create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT),
        "text/plain; charset=utf-8");
}

/* A file's version, which changes with it. */
static void tag_of(const struct stat *info, char tag[64])
{
    snprintf(tag, 64, "\"%llx-%llx-%llx\"", (unsigned long long)info->st_size,
             (unsigned long long)info->MODIFIED_TIME.tv_sec, (unsigned long long)info->MODIFIED_TIME.tv_nsec);
}

/* Whether the sender has this version: a long gate is not sent again. */
static bool has_version(struct MHD_Connection *connection, const char *tag)
{
    const char *theirs = http.lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    return theirs && strstr(theirs, tag);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    (void)version, (void)upload, (void)upload_size, (void)state;
    const wn_server *server = context;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET here\n");
    if (!strcmp(url, "/"))
        url = "/index.html";
    if (!wn_serve_allowed(url) || !wn_serve_type(url))
        return refuse(connection, MHD_HTTP_NOT_FOUND, "no such file\n");

    char path[4096];
    const bool gate = server->gate && !strcmp(url, "/gate.safetensors");
    const int length = gate ? snprintf(path, sizeof path, "%s", server->gate)
                            : snprintf(path, sizeof path, "%s%s", server->web, url);
    const int file = length < (int)sizeof path
                         ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (gate ? 0 : O_NOFOLLOW))
                         : -1;
    struct stat info;
    if (file < 0 || fstat(file, &info) || !S_ISREG(info.st_mode)) {
        if (file >= 0)
            close(file);
        return refuse(connection, MHD_HTTP_NOT_FOUND, "no such file\n");
    }
    char tag[64];
    tag_of(&info, tag);
    const bool same = has_version(connection, tag);
    struct MHD_Response *response = same ? http.create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
                                         : http.create_response_from_fd64((uint64_t)info.st_size, file);
    if (same || !response)
        close(file);
    if (response)
        http.add_response_header(response, "ETag", tag);
    return answer(connection, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response, wn_serve_type(url));
}

static bool holds(const char *folder, const char *name)
{
    char path[4096];
    return (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path && !access(path, R_OK);
}

/* What would make a page that cannot work is told here, where there is somebody to read it. */
static winnow_status check_files(const char *web, const char *gate, winnow_error *error)
{
    if (!holds(web, "index.html"))
        return wn_fail(error, WINNOW_ERROR_IO, -1,
                       "%s: no page there: give the folder that holds index.html by --web", web);
    if (!holds(web, "gate/winnow.wasm"))
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s/gate/winnow.wasm: not there yet: run `make web`", web);
    wn_safetensors *file;
    if (gate && wn_safetensors_read(gate, &file, error))
        return wn_fail_prefix(error, error->code, "not a gate nor a backbone");
    if (gate)
        wn_safetensors_free(file);
    return WINNOW_OK;
}

winnow_status wn_serve_start(const char *web, const char *gate, const char *address, int port,
                             wn_server **server, int *bound, winnow_error *error)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &where.sin_addr) != 1)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1,
                       "%s: not an address: use e.g. 127.0.0.1, or 0.0.0.0 for all", address);
    if (check_files(web, gate, error))
        return error->code;
    if (!WN_LIBRARY_LOAD(WN_MICROHTTPD_LIBRARY, "MHD_", FUNCTIONS, &http))
        return wn_fail(error, WINNOW_ERROR_UNSUPPORTED, -1, "serving needs libmicrohttpd: install %s",
                       WN_MICROHTTPD_LIBRARY);
    wn_server *made = calloc(1, sizeof *made);
    if (!made)
        return wn_fail_memory(error);
    made->web = web;
    made->gate = gate;
    made->daemon =
        http.start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, made,
                          MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&where, MHD_OPTION_CONNECTION_LIMIT, 64u,
                          MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_END);
    if (!made->daemon) {
        free(made);
        return wn_fail(error, WINNOW_ERROR_IO, -1, "%s:%d: cannot listen there: %s; try another --port",
                       address, port, strerror(errno));
    }
    *bound = http.get_daemon_info(made->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    *server = made;
    return WINNOW_OK;
}

void wn_serve_stop(wn_server *server)
{
    if (!server)
        return;
    http.stop_daemon(server->daemon);
    free(server);
}
