/* SPDX-License-Identifier: Apache-2.0
 * An ML Program under construction: operations in the order in which they are added, constants among them.
 * Large constants go to weight.bin. All memory for the operations is taken at the start. */
#ifndef WN_MIL_WRITER_H
#define WN_MIL_WRITER_H

#include "coreml.pb-c.h"
#include "runtime/error.h"

#include <stdbool.h>

typedef enum wn_mil_type {
    WN_MIL_BOOL = 1,
    WN_MIL_STRING = 2,
    WN_MIL_FP16 = 10,
    WN_MIL_FP32 = 11,
    WN_MIL_INT32 = 23
} wn_mil_type;

/* A value's name and shape. Names are those of operations, with _ for whatever an identifier may not hold. */
typedef struct wn_mil_value {
    char *name;
    wn_mil_type type;
    int rank, shape[4];
} wn_mil_value;

typedef struct wn_mil wn_mil;

wn_mil *wn_mil_create(void); /* NULL when memory runs out */
void wn_mil_free(wn_mil *mil);

/* The function's input. */
wn_mil_value wn_mil_input(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape);

/* An operation named after its output; inputs are added to the newest one. */
wn_mil_value wn_mil_operation(wn_mil *mil, const char *type, const char *name, wn_mil_type output, int rank,
                              const int *shape);
void wn_mil_argument(wn_mil *mil, const char *parameter, int count, const wn_mil_value *value);

/* A second output of the newest one. */
void wn_mil_second(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape);

/* Constants, to be made before the operation that takes them. */
wn_mil_value wn_mil_text(wn_mil *mil, const char *name, const char *text);
wn_mil_value wn_mil_truth(wn_mil *mil, const char *name, bool value);
wn_mil_value wn_mil_whole(wn_mil *mil, const char *name, int value);
wn_mil_value wn_mil_wholes(wn_mil *mil, const char *name, int count, const int *value); /* at most 4 */
wn_mil_value wn_mil_number(wn_mil *mil, const char *name, float value);

/* In weight.bin, as floats or halves (`type`). */
wn_mil_value wn_mil_weights(wn_mil *mil, const char *name, wn_mil_type type, int rank, const int *shape,
                            const float *data);

/* An output of the whole. */
void wn_mil_output(wn_mil *mil, wn_mil_value value);

/* Puts it together; fails where memory has run out. The program, and what weight.bin holds, live as long as
 * mil. */
winnow_status wn_mil_finish(wn_mil *mil, Coreml__Program **program, const void **weights, size_t *size,
                            winnow_error *error);

#endif
