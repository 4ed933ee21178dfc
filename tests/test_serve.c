/* SPDX-License-Identifier: Apache-2.0 */
#include "../src/serve/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void serves_plain_names_alone(void **state)
{
    (void)state;
    static const char *const good[] = {"/index.html", "/gate/winnow.wasm", "/a_b-c.1/d.js"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(wn_serve_allowed(good[i]));
    static const char *const bad[] = {
        "",           "/",          "index.html", "//index.html", "/../index.html",
        "/gate/../x", "/.git/HEAD", "/gate/.x",   "/gate/",       "/a b",
        "/a%2e",      "/a\\b",      "/a\nb",      "/gate//x",     "/\xc3\xa4.js"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (wn_serve_allowed(bad[i]))
            fail_msg("allowed: '%s'", bad[i]);
    char endless[300];
    memset(endless, 'a', sizeof endless);
    endless[0] = '/';
    endless[sizeof endless - 1] = '\0';
    assert_false(wn_serve_allowed(endless));
}

static void knows_types(void **state)
{
    (void)state;
    assert_string_equal(wn_serve_type("/app.js"), "text/javascript; charset=utf-8");
    assert_string_equal(wn_serve_type("/gate/winnow.wasm"), "application/wasm");
    assert_string_equal(wn_serve_type("/manifest.webmanifest"), "application/manifest+json");
    assert_string_equal(wn_serve_type("/gate.safetensors"), "application/octet-stream");
    static const char *const none[] = {"/none",         "/gate/src/bridge.c", "/gate/README.md",
                                       "/gate/LICENSE", "/gate/index.d.ts",   "/x.js~"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(wn_serve_type(none[i]));
}

static void refuses_what_cannot_be_served(void **state)
{
    (void)state;
    winnow_error error;
    wn_server *server;
    int port;
    assert_int_equal(wn_serve_start("/no/such/page", NULL, "127.0.0.1", 0, &server, &port, &error),
                     WINNOW_ERROR_IO);
    assert_non_null(strstr(error.message, "--web"));
    assert_int_equal(wn_serve_start("web", NULL, "localhost", 0, &server, &port, &error),
                     WINNOW_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "localhost"));
    wn_serve_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_plain_names_alone),
        cmocka_unit_test(knows_types),
        cmocka_unit_test(refuses_what_cannot_be_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
