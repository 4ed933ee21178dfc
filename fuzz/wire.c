/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_FIELDS = 1 << 14, MAX_DEPTH = 12, MAX_VARINT = 10, MAX_PIECE = 1 << 15, TRIES = 64 };
enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 }; /* the types of fields on the wire */

typedef struct field {
    size_t at, length, body, end; /* of the tag, of the length before a LENGTH's body, of the contents */
    uint64_t number;
    int type;
    int parent;    /* the field that this one lies in; -1: none */
    uint32_t kind; /* of the message that it lies in: a hash of the numbers on the way there */
    bool leaf;     /* no message inside */
} field;

typedef struct message {
    const uint8_t *bytes;
    int count;
    field field[MAX_FIELDS]; /* each before those inside it */
} message;

/* ---- reading ---- */

static bool read_varint(const uint8_t *bytes, size_t *at, size_t end, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < MAX_VARINT && *at < end; i++) {
        const uint8_t byte = bytes[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The field at f->at, which ends by `end`. */
static bool read_field(const uint8_t *bytes, size_t end, field *f)
{
    uint64_t tag, value = 0;
    size_t at = f->at;
    if (!read_varint(bytes, &at, end, &tag) || tag < 8)
        return false;
    f->number = tag >> 3;
    f->type = tag & 7;
    f->length = f->body = at;
    if (f->type == VARINT || f->type == LENGTH) {
        if (!read_varint(bytes, &at, end, &value))
            return false;
        if (f->type == LENGTH)
            f->body = at;
        else
            value = at - f->body;
    } else if (f->type == FIXED64 || f->type == FIXED32) {
        value = f->type == FIXED64 ? 8 : 4;
    } else {
        return false;
    }
    f->end = f->body + value;
    return value <= end - f->body;
}

static uint32_t kind_inside(const field *f)
{
    return (f->kind ^ (uint32_t)f->number) * 16777619u;
}

/* The fields in [at, end), and those inside them; false where something else is there. */
static bool read_fields(message *m, size_t at, size_t end, int parent, int depth)
{
    const int first = m->count;
    while (at < end) {
        field f = {.at = at, .parent = parent, .kind = parent < 0 ? 0 : kind_inside(&m->field[parent])};
        if (m->count == MAX_FIELDS || !read_field(m->bytes, end, &f)) {
            m->count = first;
            return false;
        }
        const int self = m->count++;
        m->field[self] = f;
        m->field[self].leaf = f.type != LENGTH || f.body == f.end || depth == MAX_DEPTH ||
                              !read_fields(m, f.body, f.end, self, depth + 1);
        at = f.end;
    }
    return true;
}

static void read_message(message *m, const uint8_t *bytes, size_t size)
{
    m->bytes = bytes;
    m->count = 0;
    read_fields(m, 0, size, -1, 0);
}

/* ---- writing ---- */

typedef struct buffer {
    uint8_t *bytes;
    size_t size, room;
} buffer;

static size_t write_varint(uint64_t value, uint8_t *out)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        out[size++] = (uint8_t)(value | 0x80);
    out[size++] = (uint8_t)value;
    return size;
}

static void splice(buffer *b, size_t at, size_t cut, const uint8_t *with, size_t size)
{
    memmove(b->bytes + at + size, b->bytes + at + cut, b->size - at - cut);
    if (size)
        memcpy(b->bytes + at, with, size);
    b->size += size - cut;
}

/* Puts `with` in place of bytes[at, at + cut), which lie in field `parent`, and tells all around it. What `m`
 * says is true no more. */
static void replace(buffer *b, const message *m, int parent, size_t at, size_t cut, const uint8_t *with,
                    size_t size)
{
    static uint8_t piece[MAX_PIECE]; /* as it may lie in the buffer itself */
    if (size > MAX_PIECE || b->size - cut + size + (MAX_DEPTH + 1) * MAX_VARINT > b->room)
        return;
    if (size)
        memcpy(piece, with, size);
    splice(b, at, cut, piece, size);
    size_t growth = size - cut; /* modulo 2^64, as it may be negative */
    for (int p = parent; p >= 0; p = m->field[p].parent) {
        const field *f = &m->field[p];
        uint8_t length[MAX_VARINT];
        const size_t was = f->body - f->length, is = write_varint(f->end - f->body + growth, length);
        splice(b, f->length, was, length, is);
        growth += is - was;
    }
}

/* ---- changes ---- */

static size_t below(wn_random *random, size_t count)
{
    return (size_t)wn_random_below(random, count);
}

static const field *any(const message *m, wn_random *random)
{
    return &m->field[below(random, (size_t)m->count)];
}

/* A field of `m` that may stand where `f` does, in the same role if `alike`; NULL where none is found. */
static const field *find_fitting(const message *m, const field *f, bool alike, wn_random *random)
{
    for (int i = 0; i < TRIES && m->count; i++) {
        const field *found = any(m, random);
        if (found->kind == f->kind && (!alike || (found->number == f->number && found->type == f->type)))
            return found;
    }
    return NULL;
}

/* Copies a fitting field of `from` in front of `f`, or, if `alike`, into its place. */
static void borrow(buffer *b, const message *m, const field *f, const message *from, bool alike,
                   wn_random *random)
{
    const field *found = find_fitting(from, f, alike, random);
    if (found)
        replace(b, m, f->parent, f->at, alike ? f->end - f->at : 0, from->bytes + found->at,
                found->end - found->at);
}

static void renumber(buffer *b, const message *m, const field *f, wn_random *random)
{
    uint8_t tag[MAX_VARINT];
    const size_t size = write_varint((1 + below(random, 20)) << 3 | (size_t)f->type, tag);
    replace(b, m, f->parent, f->at, f->length - f->at, tag, size);
}

/* A number that readers care about, or one near to that which is there, or any. */
static void change_varint(buffer *b, const message *m, const field *f, wn_random *random)
{
    static const uint64_t known[] = {0,          1,          2,         3,          4,
                                     6,          7,          10,        11,         127,
                                     128,        1 << 16,    INT32_MAX, 1u << 31,   UINT32_MAX,
                                     1ull << 32, 1ull << 62, INT64_MAX, 1ull << 63, UINT64_MAX};
    uint8_t out[MAX_VARINT];
    uint64_t value;
    size_t at = f->body;
    read_varint(m->bytes, &at, f->end, &value);
    switch (below(random, 3)) {
    case 0:
        value = known[below(random, sizeof known / sizeof *known)];
        break;
    case 1:
        value += below(random, 9) - 4;
        break;
    case 2:
        value = wn_random_next(random) >> below(random, 64);
        break;
    }
    replace(b, m, f->parent, f->body, f->end - f->body, out, write_varint(value, out));
}

static void change_float(buffer *b, const field *f, wn_random *random)
{
    static const float known[] = {0, -0.0f, 1, -1, 6, 1e-5f, 1e-45f, 1e38f, INFINITY, NAN};
    const float single = known[below(random, sizeof known / sizeof *known)];
    const double twice = (double)single;
    const uint64_t any_bits = wn_random_next(random);
    const void *number = f->type == FIXED64 ? (const void *)&twice : &single;
    memcpy(b->bytes + f->body, below(random, 2) ? number : &any_bits, f->end - f->body);
}

/* Text or bytes: those of another field anywhere, so that names lead elsewhere, or these with a change. */
static void rewrite(buffer *b, const message *m, const field *f, wn_random *random)
{
    const size_t size = f->end - f->body, at = f->body + below(random, size + 1), left = f->end - at;
    const int self = (int)(f - m->field);
    const uint8_t byte = (uint8_t)wn_random_next(random);
    const field *other = any(m, random);
    for (int i = 0; i < TRIES && !(other->leaf && other->type == LENGTH); i++)
        other = any(m, random);
    switch (below(random, 5)) {
    case 0:
    case 1:
        replace(b, m, self, f->body, size, m->bytes + other->body, other->end - other->body);
        break;
    case 2: /* a byte put in, or in place of what was there */
        replace(b, m, self, at, left && below(random, 2), &byte, 1);
        break;
    case 3: /* cut off, or out */
        replace(b, m, self, at, below(random, left + 1), NULL, 0);
        break;
    case 4: /* a part twice */
        replace(b, m, self, at, 0, m->bytes + at, below(random, left + 1));
        break;
    }
}

size_t wn_wire_change(uint8_t *bytes, size_t size, size_t room, const uint8_t *donor, size_t donor_size,
                      wn_random *random)
{
    static message own, others;
    buffer b = {bytes, size, room};
    read_message(&own, bytes, size);
    read_message(&others, donor, donor_size);
    if (!own.count)
        return size;
    const field *f = any(&own, random);
    if (f->leaf && below(random, 2)) {
        if (f->type == LENGTH)
            rewrite(&b, &own, f, random);
        else if (f->type == VARINT)
            change_varint(&b, &own, f, random);
        else
            change_float(&b, f, random);
        return b.size;
    }
    switch (below(random, 6)) {
    case 0: /* left out */
        replace(&b, &own, f->parent, f->at, f->end - f->at, NULL, 0);
        break;
    case 1:
        renumber(&b, &own, f, random);
        break;
    default:
        borrow(&b, &own, f, below(random, 2) ? &own : &others, below(random, 2), random);
        break;
    }
    return b.size;
}
