/* SPDX-License-Identifier: Apache-2.0 */
#include "torch.h"

#include "pickle.h"
#include "zip.h"

#include <stdlib.h>
#include <string.h>

/* PROTO 2, then the 80-bit number 0x1950a86a20f9469cfc6c, which begins the legacy format. */
static const uint8_t legacy_magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                       0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

static winnow_status refuse(winnow_error *error, uint64_t where, const char *what)
{
    return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)where, "byte %llu: %s", (unsigned long long)where,
                   what);
}

bool wn_torch_recognise(const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;
    return wn_zip_recognise(bytes, size) || (size > 2 && byte[0] == 0x80 && byte[1] <= 5);
}

/* Gives the storage its numbers, data[size] at byte `where`. */
static winnow_status place(wn_pickle_storage *storage, const uint8_t *data, uint64_t size, uint64_t where,
                           winnow_error *error)
{
    if (storage->count > size / wn_dtype_size(storage->dtype))
        return refuse(error, where, "fewer numbers are stored than the pickle says");
    storage->data = data;
    storage->where = where;
    return WINNOW_OK;
}

/* ---- the ZIP archive ---- */

static bool ends_with(const wn_zip_entry *entry, const char *end)
{
    const size_t length = strlen(end);
    return entry->name_length > length && !memcmp(entry->name + entry->name_length - length, end, length);
}

/* The one entry of the archive that is called ANYTHING/name. */
static const wn_zip_entry *find_ending(const wn_zip *zip, const char *name)
{
    for (size_t i = 0; i < zip->count; i++)
        if (ends_with(&zip->entry[i], name))
            return &zip->entry[i];
    return NULL;
}

static winnow_status place_from_zip(const wn_zip *zip, const wn_zip_entry *pickle, wn_pickle_storage *storage,
                                    winnow_error *error)
{
    char name[256];
    const size_t folder = pickle->name_length - strlen("data.pkl");
    const wn_zip_entry *entry = NULL;
    if (folder + strlen("data/") + storage->key_length <= sizeof name) {
        memcpy(name, pickle->name, folder);
        memcpy(name + folder, "data/", strlen("data/"));
        memcpy(name + folder + strlen("data/"), storage->key, storage->key_length);
        entry = wn_zip_find(zip, name, folder + strlen("data/") + storage->key_length);
    }
    if (!entry)
        return refuse(error, (uint64_t)((const uint8_t *)storage->key - zip->bytes),
                      "no entry of the archive holds the numbers that the pickle speaks of");
    return place(storage, entry->data, entry->size, (uint64_t)(entry->data - zip->bytes), error);
}

static winnow_status parse_zip(const void *bytes, size_t size, wn_arena *arena, wn_pickle *pickle,
                               winnow_error *error)
{
    wn_zip zip;
    winnow_status status = wn_zip_open(bytes, size, arena, &zip, error);
    if (status)
        return status;
    const wn_zip_entry *data = find_ending(&zip, "/data.pkl");
    const wn_zip_entry *order = find_ending(&zip, "/byteorder");
    if (!data)
        return refuse(error, 0, "a ZIP archive without data.pkl is not a PyTorch checkpoint");
    if (find_ending(&zip, "/constants.pkl"))
        return refuse(error, 0, "a TorchScript module, not weights; save its state_dict() with torch.save");
    if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
        return refuse(error, (uint64_t)(order->data - zip.bytes), "numbers in big-endian order");
    const uint64_t base = (uint64_t)(data->data - zip.bytes);
    size_t at = 0;
    status = wn_pickle_read(data->data, data->size, &at, base, arena, pickle, error);
    if (!status && at != data->size)
        status = refuse(error, base + at, "more follows the pickle");
    for (wn_pickle_storage *s = pickle->storages; s && !status; s = s->next)
        status = place_from_zip(&zip, data, s, error);
    return status;
}

/* ---- the legacy format: magic, version, properties of the machine, object, keys; then for each key an int64
 * count and the numbers ---- */

static int compare_keys(const void *left, const void *right)
{
    const wn_pickle_storage *a = *(wn_pickle_storage *const *)left, *b = *(wn_pickle_storage *const *)right;
    if (a->key_length != b->key_length)
        return a->key_length < b->key_length ? -1 : 1;
    return memcmp(a->key, b->key, a->key_length);
}

/* The storages, sorted by key. */
static wn_pickle_storage **sort_storages(const wn_pickle *pickle, wn_arena *arena, size_t *count)
{
    *count = 0;
    for (wn_pickle_storage *s = pickle->storages; s; s = s->next)
        ++*count;
    wn_pickle_storage **sorted = wn_arena_alloc(arena, *count * sizeof *sorted);
    if (!sorted)
        return NULL;
    size_t i = 0;
    for (wn_pickle_storage *s = pickle->storages; s; s = s->next)
        sorted[i++] = s;
    qsort(sorted, *count, sizeof *sorted, compare_keys);
    return sorted;
}

/* Reads the numbers at *at for every storage with the key. */
static winnow_status place_legacy(const uint8_t *bytes, size_t size, size_t *at, const wn_pickle_value *key,
                                  wn_pickle_storage **sorted, size_t count, winnow_error *error)
{
    wn_pickle_storage wanted = {.key = key->text.bytes, .key_length = key->text.length}, *pointer = &wanted;
    wn_pickle_storage **found = count && key->kind == WN_PICKLE_TEXT
                                    ? bsearch(&pointer, sorted, count, sizeof *sorted, compare_keys)
                                    : NULL;
    if (!found || (*found)->data)
        return refuse(error, *at, "numbers are stored for a tensor that is not there, or twice");
    uint64_t numbers;
    if (size - *at < sizeof numbers)
        return refuse(error, *at, "the file is cut off");
    memcpy(&numbers, bytes + *at, sizeof numbers);
    *at += sizeof numbers;
    const size_t each = wn_dtype_size((*found)->dtype);
    if (numbers > (size - *at) / each)
        return refuse(error, *at, "the file is cut off");
    while (found > sorted && !compare_keys(found - 1, &pointer))
        found--;
    winnow_status status = WINNOW_OK;
    for (; !status && found < sorted + count && !compare_keys(found, &pointer); found++)
        status = wn_dtype_size((*found)->dtype) == each
                     ? place(*found, bytes + *at, numbers * each, *at, error)
                     : refuse(error, *at, "numbers of two types under one key");
    *at += numbers * each;
    return status;
}

static winnow_status read_legacy_header(const uint8_t *bytes, size_t size, size_t *at, wn_arena *arena,
                                        winnow_error *error)
{
    if (size < sizeof legacy_magic || memcmp(bytes, legacy_magic, sizeof legacy_magic) != 0)
        return refuse(error, 0, "a pickle that torch.save did not write");
    *at = sizeof legacy_magic;
    wn_pickle version, machine;
    winnow_status status = wn_pickle_read(bytes, size, at, 0, arena, &version, error);
    if (!status && (version.value->kind != WN_PICKLE_INTEGER || version.value->integer != 1001))
        status = refuse(error, sizeof legacy_magic, "a version of torch.save's format other than 1001");
    const size_t properties = *at;
    if (!status)
        status = wn_pickle_read(bytes, size, at, 0, arena, &machine, error);
    if (status)
        return status;
    const wn_pickle_value *little =
        machine.value->kind == WN_PICKLE_DICT ? wn_pickle_find(machine.value, "little_endian") : NULL;
    if (!little || little->kind != WN_PICKLE_BOOL || !little->integer)
        return refuse(error, properties, "numbers in big-endian order");
    return WINNOW_OK;
}

static winnow_status parse_legacy(const uint8_t *bytes, size_t size, wn_arena *arena, wn_pickle *pickle,
                                  winnow_error *error)
{
    size_t at = 0, count;
    wn_pickle keys;
    winnow_status status = read_legacy_header(bytes, size, &at, arena, error);
    if (!status)
        status = wn_pickle_read(bytes, size, &at, 0, arena, pickle, error);
    if (!status)
        status = wn_pickle_read(bytes, size, &at, 0, arena, &keys, error);
    if (status)
        return status;
    if (keys.value->kind != WN_PICKLE_LIST)
        return refuse(error, at, "no list of storages");
    wn_pickle_storage **sorted = sort_storages(pickle, arena, &count);
    if (!sorted)
        return wn_fail_memory(error);
    for (size_t i = 0; i < keys.value->items.count && !status; i++)
        status = place_legacy(bytes, size, &at, keys.value->items.item[i], sorted, count, error);
    if (!status && at != size)
        status = refuse(error, at, "more follows the last tensor");
    for (size_t i = 0; i < count && !status; i++)
        if (!sorted[i]->data)
            status = refuse(error, at, "a tensor's numbers are missing");
    return status;
}

/* ---- the state dict ---- */

static size_t count_tensors(const wn_pickle_value *value)
{
    size_t count = 0;
    for (size_t i = 0; value->kind == WN_PICKLE_DICT && i + 1 < value->items.count; i += 2)
        count += value->items.item[i]->kind == WN_PICKLE_TEXT &&
                 value->items.item[i + 1]->kind == WN_PICKLE_TENSOR;
    return count;
}

/* The dictionary itself or the one inside it that has the most tensors. NULL where there are none. */
static const wn_pickle_value *find_state_dict(const wn_pickle_value *root)
{
    const wn_pickle_value *best = root;
    size_t most = count_tensors(root);
    for (size_t i = 0; root->kind == WN_PICKLE_DICT && i + 1 < root->items.count; i += 2) {
        const size_t count = count_tensors(root->items.item[i + 1]);
        if (count > most) {
            best = root->items.item[i + 1];
            most = count;
        }
    }
    return most ? best : NULL;
}

static winnow_status add_tensor(wn_weights *weights, const wn_pickle_value *name,
                                const wn_pickle_tensor *tensor, winnow_error *error)
{
    const wn_pickle_storage *storage = tensor->storage;
    const char *copy = wn_arena_text(&weights->memory, name->text.bytes, name->text.length);
    wn_weight *weight =
        copy ? wn_weights_add(weights, copy, storage->dtype, tensor->rank, tensor->shape) : NULL;
    if (!weight)
        return wn_fail_memory(error);
    memcpy(weight->stride, tensor->stride, sizeof weight->stride);
    uint64_t span, end;
    if (!wn_weight_span(weight, &span) || __builtin_add_overflow(span, tensor->offset, &end) ||
        (span && end > storage->count))
        return wn_fail(error, WINNOW_ERROR_FORMAT, (int64_t)storage->where,
                       "byte %llu: tensor '%.100s' reaches beyond its numbers",
                       (unsigned long long)storage->where, copy);
    const uint64_t skipped = span ? tensor->offset * wn_dtype_size(storage->dtype) : 0;
    weight->data = storage->data + skipped;
    weight->where = storage->where + skipped;
    return WINNOW_OK;
}

winnow_status wn_torch_parse(const void *bytes, size_t size, wn_weights *weights, winnow_error *error)
{
    wn_pickle pickle = {0};
    weights->format = "PyTorch";
    winnow_status status = wn_zip_recognise(bytes, size)
                               ? parse_zip(bytes, size, &weights->memory, &pickle, error)
                               : parse_legacy(bytes, size, &weights->memory, &pickle, error);
    if (status)
        return status;
    const wn_pickle_value *dict = find_state_dict(pickle.value);
    if (!dict)
        return wn_fail(error, WINNOW_ERROR_FORMAT, -1,
                       "a PyTorch file without a dictionary of tensors; save a state_dict()");
    for (size_t i = 0; i + 1 < dict->items.count && !status; i += 2)
        if (dict->items.item[i]->kind == WN_PICKLE_TEXT && dict->items.item[i + 1]->kind == WN_PICKLE_TENSOR)
            status = add_tensor(weights, dict->items.item[i], dict->items.item[i + 1]->tensor, error);
    return status;
}
