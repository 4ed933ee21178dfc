/* SPDX-License-Identifier: Apache-2.0
 * Any bytes are a gate, as an app opens it, or are refused with a reason; a gate can be written and read
 * again, and asked. The first inputs are gates of `winnow train` and `winnow quantize` with few rows of
 * everything, for the least network there is and without its weights, which are most of a gate, and all alike
 * to a reader: the target puts some in their place. */
#include "fuzz.h"
#include "runtime/gate_bytes.h"
#include "runtime/metadata.h"

#include <math.h>
#include <string.h>

enum { MOST_NUMBERS = 1 << 18, SIDE = 24, EVERY = 16 };

static void require_reason(const winnow_error *error, size_t size)
{
    REQUIRE(error->code == WINNOW_ERROR_FORMAT || error->code == WINNOW_ERROR_UNSUPPORTED);
    REQUIRE(error->where >= -1 && error->where <= (int64_t)size);
    REQUIRE(*error->message);
}

/* ---- what is missing ---- */

typedef struct filling {
    const wn_safetensors *in;
    wn_writer *writer;
    wn_gate_file file; /* its network and precision alone */
} filling;

static int fill(const char *name, int rank, const uint64_t *shape, size_t offset, size_t count, void *context)
{
    static uint16_t halves[MOST_NUMBERS];
    static int8_t bytes[MOST_NUMBERS];
    filling *f = context;
    for (size_t i = MOST_NUMBERS; i-- > 0 && !*bytes;) {
        halves[i] = 0x2800; /* 1/32 */
        bytes[i] = 1;
    }
    if (count > MOST_NUMBERS || wn_safetensors_find(f->in, name))
        return 0;
    if (!f->file.int8 || wn_gate_row(&f->file, offset) < 0) {
        wn_writer_tensor(f->writer, name, WN_F16, rank, shape, halves);
        return 0;
    }
    char scale[64];
    snprintf(scale, sizeof scale, "%.*s.scale", (int)(strlen(name) - strlen(".weight")), name);
    wn_writer_tensor(f->writer, name, WN_I8, rank, shape, bytes);
    if (!wn_safetensors_find(f->in, scale))
        wn_writer_tensor(f->writer, scale, WN_F16, 1, shape, halves);
    return 0;
}

static bool read_network(filling *f)
{
    const char *architecture, *precision = wn_safetensors_metadata(f->in, "winnow.precision");
    double width;
    int input, embedding;
    f->file.int8 = precision && !strcmp(precision, "int8");
    return !wn_metadata_text(f->in, "winnow.architecture", &architecture, NULL) &&
           !wn_metadata_number(f->in, "winnow.width", 0.35, 0.4, &width, NULL) &&
           !wn_metadata_count(f->in, "winnow.input", 96, 112, &input, NULL) &&
           !wn_metadata_count(f->in, "winnow.embedding", 0, 64, &embedding, NULL) &&
           !wn_network_create(architecture, (float)width, input, embedding ? embedding : 8, &f->file.network,
                              NULL);
}

/* The same file with the weights of its network, malloc'ed; NULL where it has no small one. */
static uint8_t *complete(const uint8_t *bytes, size_t size, size_t *whole_size)
{
    wn_safetensors *in;
    void *whole = NULL;
    if (wn_safetensors_parse(bytes, size, &in, NULL))
        return NULL;
    filling f = {.in = in, .writer = wn_writer_create()};
    REQUIRE(f.writer != NULL);
    if (read_network(&f)) {
        for (size_t i = 0; i < wn_safetensors_metadata_count(in); i++) {
            const char *key, *value;
            wn_safetensors_metadata_at(in, i, &key, &value);
            wn_writer_metadata(f.writer, key, value);
        }
        for (size_t i = 0; i < wn_safetensors_count(in); i++) {
            const wn_tensor *t = wn_safetensors_at(in, i);
            wn_writer_tensor(f.writer, t->name, t->dtype, t->rank, t->shape, t->data);
        }
        wn_network_tensors(&f.file.network, fill, &f);
        if (wn_writer_write_memory(f.writer, &whole, whole_size, NULL))
            whole = NULL;
    }
    wn_writer_free(f.writer);
    wn_safetensors_free(in);
    return whole;
}

/* ---- what is read ---- */

/* The gate written, read and written again: nothing is lost, and nothing that is written is refused. */
static void require_lasting(const wn_gate_file *file)
{
    wn_gate_file again;
    void *first, *second;
    size_t first_size, second_size;
    REQUIRE(!wn_gate_file_write_memory(file, &first, &first_size, NULL));
    REQUIRE(!wn_gate_file_parse(first, first_size, true, &again, NULL));
    REQUIRE(!wn_gate_file_write_memory(&again, &second, &second_size, NULL));
    REQUIRE(first_size == second_size && !memcmp(first, second, first_size));
    wn_gate_file_free(&again);
    free(first);
    free(second);
}

static void judge(const winnow_gate *gate)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * i);
    const winnow_image image = {
        .plane = {rgb}, .stride = {3 * SIDE}, .width = SIDE, .height = SIDE, .format = WINNOW_RGB};
    winnow_session *session;
    winnow_result result;
    REQUIRE(!winnow_session_create(gate, &session, NULL));
    if (!winnow_score(session, &image, &result, NULL)) {
        REQUIRE(result.p_value >= 0 && result.p_value <= 1);
        REQUIRE((unsigned)result.verdict <= WINNOW_ABNORMAL);
        REQUIRE(result.class_index < winnow_gate_class_count(gate));
    }
    winnow_session_free(session);
}

/* True where it is a gate. */
static bool read_once(const uint8_t *bytes, size_t size)
{
    winnow_error error = {0};
    winnow_gate *gate;
    wn_gate_file file;
    const bool whole = !wn_gate_file_parse(bytes, size, true, &file, &error);
    if (whole) {
        require_lasting(&file);
        wn_gate_file_free(&file);
    } else {
        require_reason(&error, size);
    }
    if (winnow_gate_open_memory(bytes, size, &gate, &error)) {
        REQUIRE(!whole);
        require_reason(&error, size);
        return false;
    }
    if (wn_fuzz_one_in(EVERY, bytes, size))
        judge(gate);
    winnow_gate_free(gate);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_once(bytes, size);
    if (wn_fuzz_one_in(EVERY, bytes, size))
        wn_fuzz_accepts(bytes, size);
    return 0;
}

bool wn_fuzz_accepts(const uint8_t *bytes, size_t size)
{
    size_t whole_size;
    uint8_t *whole = complete(bytes, size, &whole_size);
    const bool read = whole && read_once(whole, whole_size);
    free(whole);
    return read;
}
