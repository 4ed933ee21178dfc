/* SPDX-License-Identifier: Apache-2.0 */
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static bool find_all(void *library, const char *prefix, const char *names, char *table)
{
    for (; *names; names += strlen(names) + 1, table += sizeof(void *)) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", prefix, names);
        void *function = dlsym(library, name);
        if (!function)
            return false;
        memcpy(table, &function, sizeof function);
    }
    return true;
}

bool wn_library_load(const char *file, const char *prefix, const char *names, void *table)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const void *const none;
    pthread_mutex_lock(&lock);
    bool loaded = memcmp(table, &none, sizeof none) != 0;
    if (!loaded) {
        void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        loaded = library && find_all(library, prefix, names, table);
        if (!loaded)
            memset(table, 0, sizeof none); /* so that it is not taken for loaded */
        if (!loaded && library)
            dlclose(library);
    }
    pthread_mutex_unlock(&lock);
    return loaded;
}
