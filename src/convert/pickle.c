/* SPDX-License-Identifier: Apache-2.0
 * One function an instruction, in a table of 256; an empty place is a refusal. */
#include "pickle_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_PICKLE = 4 << 20 }; /* a state dict of 300 tensors takes 40 kB */

static value none = {.kind = WN_PICKLE_NONE}, mark = {.kind = WN_PICKLE_MARK};
static value truth[] = {{.kind = WN_PICKLE_BOOL, .integer = 0}, {.kind = WN_PICKLE_BOOL, .integer = 1}};
static value empty_tuple = {.kind = WN_PICKLE_TUPLE};

/* ---- refusing, reading, stacking ---- */

winnow_status wn_pickle_refuse(const machine *m, const char *what)
{
    const uint64_t where = m->base + m->instruction;
    return wn_fail(m->error, WINNOW_ERROR_FORMAT, (int64_t)where, "byte %llu: the pickle %s",
                   (unsigned long long)where, what);
}

const uint8_t *wn_pickle_take(machine *m, size_t count)
{
    if (m->size - m->at < count)
        return NULL;
    m->at += count;
    return m->bytes + m->at - count;
}

/* An unsigned little-endian number of 1 to 8 bytes; false where the pickle is cut off. */
static bool take_number(machine *m, size_t bytes, uint64_t *number)
{
    const uint8_t *at = wn_pickle_take(m, bytes);
    *number = 0;
    for (size_t i = bytes; at && i > 0; i--)
        *number = *number << 8 | at[i - 1];
    return at;
}

static winnow_status cut_off(const machine *m)
{
    return wn_pickle_refuse(m, "is cut off");
}

static winnow_status grow(machine *m, value_list *list, size_t count)
{
    if (count <= list->capacity)
        return WINNOW_OK;
    size_t capacity = list->capacity ? list->capacity : 256;
    while (capacity < count)
        capacity *= 2;
    value **item = realloc(list->item, capacity * sizeof *item);
    if (!item)
        return wn_fail_memory(m->error);
    memset(item + list->capacity, 0, (capacity - list->capacity) * sizeof *item);
    list->item = item;
    list->capacity = capacity;
    return WINNOW_OK;
}

winnow_status wn_pickle_push(machine *m, value *v)
{
    if (!v)
        return wn_fail_memory(m->error);
    winnow_status status = grow(m, &m->stack, m->stack.count + 1);
    if (!status)
        m->stack.item[m->stack.count++] = v;
    return status;
}

value *wn_pickle_new(machine *m, wn_pickle_kind kind)
{
    value *v = wn_arena_alloc(m->arena, sizeof *v);
    if (v)
        v->kind = kind;
    return v;
}

value *wn_pickle_peek(const machine *m, size_t depth)
{
    for (size_t i = 0; i <= depth; i++)
        if (i >= m->stack.count || m->stack.item[m->stack.count - 1 - i] == &mark)
            return NULL;
    return m->stack.item[m->stack.count - 1 - depth];
}

static winnow_status append_item(machine *m, value *container, const value *item)
{
    if (container->items.count == container->items.capacity) {
        const size_t capacity = container->items.capacity ? 2 * container->items.capacity : 4;
        const value **grown = wn_arena_alloc(m->arena, capacity * sizeof *grown);
        if (!grown)
            return wn_fail_memory(m->error);
        if (container->items.count)
            memcpy(grown, container->items.item, container->items.count * sizeof *grown);
        container->items.item = grown;
        container->items.capacity = capacity;
    }
    container->items.item[container->items.count++] = item;
    return WINNOW_OK;
}

/* Moves what stands from stack position `first` on into the container, and drops `below` more values. */
static winnow_status collect(machine *m, value *container, size_t first, size_t below)
{
    if (!container)
        return wn_fail_memory(m->error);
    for (size_t i = first; i < m->stack.count; i++) {
        winnow_status status = append_item(m, container, m->stack.item[i]);
        if (status)
            return status;
    }
    m->stack.count = first - below;
    return WINNOW_OK;
}

/* Position above the last mark; 0 where there is none. */
static size_t above_mark(const machine *m)
{
    size_t i = m->stack.count;
    while (i > 0 && m->stack.item[i - 1] != &mark)
        i--;
    return i;
}

/* ---- instructions that make plain values ---- */

static winnow_status run_proto(machine *m)
{
    uint64_t version;
    if (!take_number(m, 1, &version))
        return cut_off(m);
    return version == 2
               ? WINNOW_OK
               : wn_pickle_refuse(m, "is of another protocol than 2, torch.save's own; save it again without "
                                     "pickle_protocol");
}

static winnow_status run_stop(machine *m)
{
    m->stopped = true;
    return m->stack.count == 1 && wn_pickle_peek(m, 0)
               ? WINNOW_OK
               : wn_pickle_refuse(m, "ends with more or less than one value");
}

static winnow_status run_mark(machine *m)
{
    return wn_pickle_push(m, &mark);
}

static winnow_status run_none(machine *m)
{
    return wn_pickle_push(m, &none);
}

static winnow_status run_true(machine *m)
{
    return wn_pickle_push(m, &truth[1]);
}

static winnow_status run_false(machine *m)
{
    return wn_pickle_push(m, &truth[0]);
}

static winnow_status push_integer(machine *m, int64_t integer)
{
    value *v = wn_pickle_new(m, WN_PICKLE_INTEGER);
    if (v)
        v->integer = integer;
    return wn_pickle_push(m, v);
}

static winnow_status run_int1(machine *m)
{
    uint64_t number;
    return take_number(m, 1, &number) ? push_integer(m, (int64_t)number) : cut_off(m);
}

static winnow_status run_int2(machine *m)
{
    uint64_t number;
    return take_number(m, 2, &number) ? push_integer(m, (int64_t)number) : cut_off(m);
}

static winnow_status run_int4(machine *m)
{
    uint64_t number;
    return take_number(m, 4, &number) ? push_integer(m, (int32_t)number) : cut_off(m);
}

/* A whole number in two's complement of any length. One that does not fit (the magic number of the legacy
 * format has 10 bytes) keeps its low 64 bits. */
static winnow_status run_long(machine *m)
{
    uint64_t length, number;
    if (!take_number(m, 1, &length))
        return cut_off(m);
    const size_t low = length < 8 ? length : 8;
    if (!take_number(m, low, &number) || !wn_pickle_take(m, length - low))
        return cut_off(m);
    if (low && low < 8 && number >> (8 * low - 1))
        number |= UINT64_MAX << 8 * low;
    return push_integer(m, (int64_t)number);
}

static winnow_status run_float(machine *m)
{
    uint64_t bits;
    if (!take_number(m, 8, &bits))
        return cut_off(m);
    bits = __builtin_bswap64(bits);
    value *v = wn_pickle_new(m, WN_PICKLE_REAL);
    if (v)
        memcpy(&v->real, &bits, sizeof bits);
    return wn_pickle_push(m, v);
}

static winnow_status run_text(machine *m)
{
    uint64_t length;
    if (!take_number(m, 4, &length))
        return cut_off(m);
    const uint8_t *bytes = wn_pickle_take(m, length);
    if (!bytes)
        return cut_off(m);
    value *v = wn_pickle_new(m, WN_PICKLE_TEXT);
    if (v) {
        v->text.bytes = (const char *)bytes;
        v->text.length = length;
    }
    return wn_pickle_push(m, v);
}

/* ---- containers ---- */

static winnow_status run_empty_tuple(machine *m)
{
    return wn_pickle_push(m, &empty_tuple);
}

static winnow_status make_tuple(machine *m, size_t first, size_t below)
{
    value *tuple = wn_pickle_new(m, WN_PICKLE_TUPLE);
    winnow_status status = collect(m, tuple, first, below);
    return status ? status : wn_pickle_push(m, tuple);
}

static winnow_status run_tuple(machine *m)
{
    const size_t first = above_mark(m);
    return first ? make_tuple(m, first, 1) : wn_pickle_refuse(m, "has a tuple without a beginning");
}

static winnow_status short_tuple(machine *m, size_t length)
{
    return wn_pickle_peek(m, length - 1) ? make_tuple(m, m->stack.count - length, 0)
                                         : wn_pickle_refuse(m, "has a tuple of more values than there are");
}

static winnow_status run_tuple1(machine *m)
{
    return short_tuple(m, 1);
}

static winnow_status run_tuple2(machine *m)
{
    return short_tuple(m, 2);
}

static winnow_status run_tuple3(machine *m)
{
    return short_tuple(m, 3);
}

static winnow_status run_empty_list(machine *m)
{
    return wn_pickle_push(m, wn_pickle_new(m, WN_PICKLE_LIST));
}

static winnow_status run_empty_dict(machine *m)
{
    return wn_pickle_push(m, wn_pickle_new(m, WN_PICKLE_DICT));
}

/* Adds what stands from `first` on to the container below it, which must be of that kind. */
static winnow_status extend(machine *m, wn_pickle_kind kind, size_t first, size_t below, size_t multiple)
{
    if (first < below + 1 || m->stack.item[first - below - 1]->kind != kind ||
        (m->stack.count - first) % multiple != 0)
        return wn_pickle_refuse(m, "adds values to what cannot take them");
    return collect(m, m->stack.item[first - below - 1], first, below);
}

static winnow_status run_append(machine *m)
{
    return wn_pickle_peek(m, 1) ? extend(m, WN_PICKLE_LIST, m->stack.count - 1, 0, 1)
                                : wn_pickle_refuse(m, "adds to no list");
}

static winnow_status run_appends(machine *m)
{
    return extend(m, WN_PICKLE_LIST, above_mark(m), 1, 1);
}

static winnow_status run_set_item(machine *m)
{
    return wn_pickle_peek(m, 2) ? extend(m, WN_PICKLE_DICT, m->stack.count - 2, 0, 2)
                                : wn_pickle_refuse(m, "adds to no dictionary");
}

static winnow_status run_set_items(machine *m)
{
    return extend(m, WN_PICKLE_DICT, above_mark(m), 1, 2);
}

/* ---- the memo ---- */

static winnow_status put(machine *m, size_t bytes)
{
    uint64_t index;
    if (!take_number(m, bytes, &index))
        return cut_off(m);
    if (!wn_pickle_peek(m, 0) || index > m->size)
        return wn_pickle_refuse(m, "remembers nothing, or in too high a place");
    winnow_status status = grow(m, &m->memo, index + 1);
    if (!status)
        m->memo.item[index] = wn_pickle_peek(m, 0);
    return status;
}

static winnow_status get(machine *m, size_t bytes)
{
    uint64_t index;
    if (!take_number(m, bytes, &index))
        return cut_off(m);
    if (index >= m->memo.capacity || !m->memo.item[index])
        return wn_pickle_refuse(m, "recalls what was not remembered");
    return wn_pickle_push(m, m->memo.item[index]);
}

static winnow_status run_put(machine *m)
{
    return put(m, 1);
}

static winnow_status run_long_put(machine *m)
{
    return put(m, 4);
}

static winnow_status run_get(machine *m)
{
    return get(m, 1);
}

static winnow_status run_long_get(machine *m)
{
    return get(m, 4);
}

/* ---- the machine ---- */

static winnow_status (*const instructions[256])(machine *) = {
    [0x80] = run_proto,
    ['.'] = run_stop,
    ['('] = run_mark,
    ['N'] = run_none,
    [0x88] = run_true,
    [0x89] = run_false,
    ['K'] = run_int1,
    ['M'] = run_int2,
    ['J'] = run_int4,
    [0x8a] = run_long,
    ['G'] = run_float,
    ['X'] = run_text,
    [')'] = run_empty_tuple,
    ['t'] = run_tuple,
    [0x85] = run_tuple1,
    [0x86] = run_tuple2,
    [0x87] = run_tuple3,
    [']'] = run_empty_list,
    ['a'] = run_append,
    ['e'] = run_appends,
    ['}'] = run_empty_dict,
    ['s'] = run_set_item,
    ['u'] = run_set_items,
    ['q'] = run_put,
    ['r'] = run_long_put,
    ['h'] = run_get,
    ['j'] = run_long_get,
    ['c'] = wn_pickle_global,
    ['Q'] = wn_pickle_persistent_id,
    ['R'] = wn_pickle_reduce,
    ['b'] = wn_pickle_build,
};

static winnow_status step(machine *m)
{
    m->instruction = m->at;
    const uint8_t *code = wn_pickle_take(m, 1);
    if (!code)
        return cut_off(m);
    if (instructions[*code])
        return instructions[*code](m);
    char what[96];
    snprintf(what, sizeof what, "has instruction 0x%02x, which weights do not need; nothing was run", *code);
    return wn_pickle_refuse(m, what);
}

winnow_status wn_pickle_read(const void *bytes, size_t size, size_t *at, uint64_t base, wn_arena *arena,
                             wn_pickle *pickle, winnow_error *error)
{
    const size_t rest = size - *at;
    machine m = {.bytes = (const uint8_t *)bytes + *at,
                 .size = rest < LARGEST_PICKLE ? rest : LARGEST_PICKLE,
                 .base = base + *at,
                 .arena = arena,
                 .error = error};
    winnow_status status = WINNOW_OK;
    while (!status && !m.stopped)
        status = step(&m);
    if (!status) {
        *pickle = (wn_pickle){m.stack.item[0], m.storages};
        *at += m.at;
    }
    free(m.stack.item);
    free(m.memo.item);
    return status;
}

bool wn_pickle_is_text(const wn_pickle_value *v, const char *text)
{
    return v->kind == WN_PICKLE_TEXT && v->text.length == strlen(text) &&
           !memcmp(v->text.bytes, text, v->text.length);
}

const wn_pickle_value *wn_pickle_find(const wn_pickle_value *dict, const char *key)
{
    const wn_pickle_value *found = NULL;
    for (size_t i = 0; i + 1 < dict->items.count; i += 2)
        if (wn_pickle_is_text(dict->items.item[i], key))
            found = dict->items.item[i + 1];
    return found;
}
