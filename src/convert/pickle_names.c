/* SPDX-License-Identifier: Apache-2.0
 * The closed list of names, and what may be done with them: storages and tensors out of plain values. */
#include "pickle_machine.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 64 };

typedef enum meaning { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE } meaning;

static const struct {
    const char *module, *name;
    meaning meaning;
    wn_dtype dtype;
} globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, 0},
    {"torch", "FloatStorage", STORAGE, WN_F32},
    {"torch", "HalfStorage", STORAGE, WN_F16},
    {"torch", "BFloat16Storage", STORAGE, WN_BF16},
    {"torch", "DoubleStorage", STORAGE, WN_F64},
    {"torch", "LongStorage", STORAGE, WN_I64},
    {"torch", "IntStorage", STORAGE, WN_I32},
    {"torch", "ShortStorage", STORAGE, WN_I16},
    {"torch", "CharStorage", STORAGE, WN_I8},
    {"torch", "ByteStorage", STORAGE, WN_U8},
    {"torch", "BoolStorage", STORAGE, WN_BOOL},
};

/* The next line, copied without its end; false where it is cut off or longer than any name that we know. */
static bool take_line(machine *m, char line[MAX_NAME])
{
    for (size_t i = 0; i < MAX_NAME; i++) {
        const uint8_t *byte = wn_pickle_take(m, 1);
        if (!byte)
            return false;
        line[i] = *byte == '\n' ? '\0' : (char)*byte;
        if (!line[i])
            return true;
    }
    line[MAX_NAME - 1] = '\0';
    return false;
}

winnow_status wn_pickle_global(machine *m)
{
    char module[MAX_NAME] = "", name[MAX_NAME] = "", what[2 * MAX_NAME + 160];
    const bool whole = take_line(m, module) && take_line(m, name);
    for (size_t i = 0; whole && i < sizeof globals / sizeof *globals; i++)
        if (!strcmp(module, globals[i].module) && !strcmp(name, globals[i].name)) {
            value *v = wn_pickle_new(m, WN_PICKLE_GLOBAL);
            if (v)
                v->integer = (int64_t)i;
            return wn_pickle_push(m, v);
        }
    snprintf(what, sizeof what,
             "names %s.%s, which is not one of the few that weights need; nothing was run. If you trust the "
             "file, save its state_dict() alone",
             module, name);
    return wn_pickle_refuse(m, what);
}

static bool is_integer(const value *v)
{
    return v->kind == WN_PICKLE_INTEGER && v->integer >= 0;
}

/* ('storage', type, key, location, count) and, in the legacy format, None (it is no view of another). */
winnow_status wn_pickle_persistent_id(machine *m)
{
    const value *id = wn_pickle_peek(m, 0);
    if (!id || id->kind != WN_PICKLE_TUPLE || id->items.count < 5 || id->items.count > 6)
        return wn_pickle_refuse(m, "refers to something other than a storage");
    const value *const *item = id->items.item;
    if (!wn_pickle_is_text(item[0], "storage") || item[1]->kind != WN_PICKLE_GLOBAL ||
        globals[item[1]->integer].meaning != STORAGE || item[2]->kind != WN_PICKLE_TEXT ||
        item[3]->kind != WN_PICKLE_TEXT || !is_integer(item[4]) ||
        (id->items.count == 6 && item[5]->kind != WN_PICKLE_NONE))
        return wn_pickle_refuse(m, "refers to something other than a whole storage of numbers");
    wn_pickle_storage *storage = wn_arena_alloc(m->arena, sizeof *storage);
    value *v = wn_pickle_new(m, WN_PICKLE_STORAGE);
    if (!storage || !v)
        return wn_fail_memory(m->error);
    *storage = (wn_pickle_storage){.dtype = globals[item[1]->integer].dtype,
                                   .key = item[2]->text.bytes,
                                   .key_length = item[2]->text.length,
                                   .count = (uint64_t)item[4]->integer,
                                   .next = m->storages};
    m->storages = storage;
    v->storage = storage;
    m->stack.count--;
    return wn_pickle_push(m, v);
}

static bool read_dimensions(const value *tuple, uint64_t out[WN_MAX_RANK])
{
    if (tuple->kind != WN_PICKLE_TUPLE || tuple->items.count > WN_MAX_RANK)
        return false;
    for (size_t i = 0; i < tuple->items.count; i++) {
        if (!is_integer(tuple->items.item[i]))
            return false;
        out[i] = (uint64_t)tuple->items.item[i]->integer;
    }
    return true;
}

/* (storage, offset, shape, strides, requires_grad, hooks) and, since PyTorch 1.12, metadata. */
static winnow_status rebuild_tensor(machine *m, const value *arguments)
{
    const value *const *item = arguments->items.item;
    wn_pickle_tensor *tensor = wn_arena_alloc(m->arena, sizeof *tensor);
    value *v = wn_pickle_new(m, WN_PICKLE_TENSOR);
    if (!tensor || !v)
        return wn_fail_memory(m->error);
    if (arguments->items.count < 6 || arguments->items.count > 7 || item[0]->kind != WN_PICKLE_STORAGE ||
        !is_integer(item[1]) || !read_dimensions(item[2], tensor->shape) ||
        !read_dimensions(item[3], tensor->stride) || item[2]->items.count != item[3]->items.count)
        return wn_pickle_refuse(m, "makes a tensor in another way than torch.save");
    tensor->storage = item[0]->storage;
    tensor->offset = (uint64_t)item[1]->integer;
    tensor->rank = (int)item[2]->items.count;
    v->tensor = tensor;
    return wn_pickle_push(m, v);
}

winnow_status wn_pickle_reduce(machine *m)
{
    value *function = wn_pickle_peek(m, 1), *arguments = wn_pickle_peek(m, 0);
    if (!function || function->kind != WN_PICKLE_GLOBAL || arguments->kind != WN_PICKLE_TUPLE)
        return wn_pickle_refuse(m, "calls what is not a known name");
    m->stack.count -= 2;
    switch (globals[function->integer].meaning) {
    case ORDERED_DICT:
        if (arguments->items.count)
            return wn_pickle_refuse(m, "makes an OrderedDict that is not empty to begin with");
        return wn_pickle_push(m, wn_pickle_new(m, WN_PICKLE_DICT));
    case REBUILD_TENSOR:
        return rebuild_tensor(m, arguments);
    case REBUILD_PARAMETER:
        if (arguments->items.count == 3 && arguments->items.item[0]->kind == WN_PICKLE_TENSOR) {
            value *tensor = wn_pickle_new(m, WN_PICKLE_TENSOR);
            if (tensor)
                *tensor = *arguments->items.item[0];
            return wn_pickle_push(m, tensor);
        }
        return wn_pickle_refuse(m, "makes a parameter of what is not a tensor");
    default:
        return wn_pickle_refuse(m, "calls a type of storage");
    }
}

/* Attributes of a dictionary (`_metadata` of a state dict): not needed, but they must be plain. */
winnow_status wn_pickle_build(machine *m)
{
    const value *target = wn_pickle_peek(m, 1), *state = wn_pickle_peek(m, 0);
    if (!target || target->kind != WN_PICKLE_DICT || state->kind != WN_PICKLE_DICT)
        return wn_pickle_refuse(m, "sets the state of what is not a dictionary");
    m->stack.count--;
    return WINNOW_OK;
}
