/* SPDX-License-Identifier: Apache-2.0
 * Loaded before the emulator (LD_PRELOAD): gives it the processor that we want, which its Python package has
 * but cannot be asked for, and what of a newer libc it was linked with. EMULATOR is the path of its library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Bochs' factory of the package's default processor. */
void *_Z23create_corei3_cnl_cpuidP8BX_CPU_C(void *cpu)
{
    void *emulator = dlopen(getenv("EMULATOR"), RTLD_LAZY | RTLD_NOLOAD);
    void *(*create)(void *) = NULL;
    if (emulator)
        *(void **)&create = dlsym(emulator, "_Z28create_sapphire_rapids_cpuidP8BX_CPU_C");
    if (!create) {
        fprintf(stderr, "the emulator has no Sapphire Rapids\n");
        exit(2);
    }
    return create(cpu);
}

unsigned long long __isoc23_strtoull(const char *text, char **end, int base)
{
    return strtoull(text, end, base);
}

int __isoc23_sscanf(const char *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int read = vsscanf(text, format, arguments);
    va_end(arguments);
    return read;
}
