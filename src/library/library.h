/* SPDX-License-Identifier: Apache-2.0
 * Libraries that few runs need, loaded when they are first needed: libheif, cairo and libmicrohttpd bring
 * dozens of others along, and together took 12 ms to load, four times as long as a photo takes to judge.
 *
 * A table stands for the library: pointers, of the types that its header gives to its functions.
 *
 *     #define FUNCTIONS(X) X(create) X(destroy)
 *     #define POINTER(name) __typeof__(&cairo_##name) name;
 *     static struct { FUNCTIONS(POINTER) } cairo;
 *     if (WN_LIBRARY_LOAD("libcairo.so.2", "cairo_", FUNCTIONS, &cairo))
 *         cairo.destroy(context); */
#ifndef WN_LIBRARY_H
#define WN_LIBRARY_H

#include <stdbool.h>

#define WN_LIBRARY_NAME(name) #name "\0"
#define WN_LIBRARY_LOAD(file, prefix, functions, table)                                                      \
    wn_library_load(file, prefix, functions(WN_LIBRARY_NAME), table)

/* Loads the library `file` for good, and fills `table`, a struct of function pointers, with prefix + name for
 * each of `names` ("create\0destroy\0"). False, and nothing else, where the library or one of them is
 * missing. Call it before every use: what is loaded already costs a lock. */
bool wn_library_load(const char *file, const char *prefix, const char *names, void *table);

#endif
