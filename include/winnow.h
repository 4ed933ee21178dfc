/* SPDX-License-Identifier: Apache-2.0
 *
 * winnow: a gate for camera models. It tells the right kind of picture from every other.
 *
 *     winnow_gate *gate;
 *     winnow_session *session;
 *     winnow_error error;
 *     if (winnow_gate_open("rice.safetensors", &gate, &error)) ...error.message...
 *     winnow_session_create(gate, &session, &error);
 *     winnow_result result;
 *     winnow_score(session, &image, &result, &error);    // any number of times; allocates nothing
 *     winnow_session_free(session);
 *     winnow_gate_free(gate);
 *
 * The library never prints, exits or aborts on bad input, starts no threads and opens no file but the gate's.
 * A gate is immutable and may be shared between threads; a session belongs to one thread at a time.
 */
#ifndef WINNOW_H
#define WINNOW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(WINNOW_SHARED)
#define WINNOW_API __declspec(dllexport)
#elif defined(__GNUC__)
#define WINNOW_API __attribute__((visibility("default")))
#else
#define WINNOW_API
#endif

#define WINNOW_VERSION "0.1.0"

/* The version of the library that is linked, e.g. "0.1.0". Static storage. */
WINNOW_API const char *winnow_version(void);

typedef enum winnow_status {
    WINNOW_OK = 0,
    WINNOW_ERROR_ARGUMENT,    /* a NULL, a size or a value outside its documented range */
    WINNOW_ERROR_IO,          /* a file could not be opened, read or written */
    WINNOW_ERROR_FORMAT,      /* bytes that are not what they claim to be; `where` is the byte position */
    WINNOW_ERROR_UNSUPPORTED, /* well-formed, but of a kind that this build cannot handle */
    WINNOW_ERROR_DATA,        /* too few, or the wrong, photos for what was asked */
    WINNOW_ERROR_MEMORY,      /* an allocation failed */
    WINNOW_ERROR_INTERNAL     /* a fault of winnow itself; please report it */
} winnow_status;

/* Filled by a function that returns anything but WINNOW_OK; untouched otherwise. Every `error` parameter may
 * be NULL. */
typedef struct winnow_error {
    winnow_status code;
    int64_t where;     /* byte position in the input, or -1 where that has no meaning */
    char message[512]; /* one line, UTF-8: what, where, what to do */
} winnow_error;

/* ---- pictures ---- */

typedef enum winnow_pixel_format {
    WINNOW_RGB = 0, /* 3 bytes a pixel */
    WINNOW_BGR,
    WINNOW_RGBA, /* 4 bytes a pixel, straight alpha, composed over mid-grey (128) */
    WINNOW_BGRA,
    WINNOW_GRAY, /* 1 byte a pixel */
    WINNOW_NV12, /* plane 0: Y; plane 1: interleaved U, V at half size (rounded up) */
    WINNOW_I420  /* plane 0: Y; plane 1: U; plane 2: V at half size (rounded up) */
} winnow_pixel_format;

/* A borrowed picture of 8 bits a channel, sRGB. YUV is BT.601, full range (JPEG's and a phone camera's). */
typedef struct winnow_image {
    const uint8_t *plane[3]; /* planes 1 and 2 are used by NV12 and I420 alone */
    ptrdiff_t stride[3]; /* bytes from one row to the next, of each plane; negative for bottom-up pictures */
    int width, height;   /* stored pixels, before orientation; 1 to 65,535 */
    winnow_pixel_format format;
    int orientation; /* EXIF 1 to 8; 0 means 1 (upright) */
} winnow_image;

/* ---- gates ---- */

typedef struct winnow_gate winnow_gate;
typedef struct winnow_session winnow_session;

/* Opens a gate file (see docs/format.md). On success *gate is the caller's, to be freed with
 * winnow_gate_free. */
WINNOW_API winnow_status winnow_gate_open(const char *path, winnow_gate **gate, winnow_error *error);

/* The same from memory. The bytes are copied; they may be freed on return. */
WINNOW_API winnow_status winnow_gate_open_memory(const void *bytes, size_t size, winnow_gate **gate,
                                                 winnow_error *error);

/* Frees a gate; NULL is allowed. Its sessions must have been freed before. */
WINNOW_API void winnow_gate_free(winnow_gate *gate);

/* What the gate file says under `key` (e.g. "winnow.scorer", see docs/format.md), or NULL. Owned by the gate.
 */
WINNOW_API const char *winnow_gate_metadata(const winnow_gate *gate, const char *key);

/* Length of the embedding that winnow_embed writes, in floats. */
WINNOW_API int winnow_gate_embedding_size(const winnow_gate *gate);

/* Number of classes that the gate can tell apart among normal pictures; 0 where it has none. */
WINNOW_API int winnow_gate_class_count(const winnow_gate *gate);

/* Name of class 0 <= index < winnow_gate_class_count, or NULL. Owned by the gate. */
WINNOW_API const char *winnow_gate_class_name(const winnow_gate *gate, int index);

/* The least similarity that is accepted, and the asked false-reject rate (0..1) that it was calibrated to. */
WINNOW_API float winnow_gate_threshold(const winnow_gate *gate);
WINNOW_API float winnow_gate_false_reject(const winnow_gate *gate);

/* One thread's working memory for a gate. All of it is allocated here. Free it before the gate. */
WINNOW_API winnow_status winnow_session_create(const winnow_gate *gate, winnow_session **session,
                                               winnow_error *error);
WINNOW_API void winnow_session_free(winnow_session *session);

typedef enum winnow_verdict {
    WINNOW_NORMAL = 0, /* the right kind of picture */
    WINNOW_UNSURE,     /* below the threshold, but not by much; see docs/calibration.md */
    WINNOW_ABNORMAL    /* not the right kind of picture */
} winnow_verdict;

/* "normal", "unsure" or "abnormal". Static storage. */
WINNOW_API const char *winnow_verdict_name(winnow_verdict verdict);

typedef struct winnow_result {
    winnow_verdict verdict;
    float
        p_value; /* 0 < p <= 1: share of calibration normals that look no more normal; normals are uniform */
    float similarity; /* the gate's score, higher is more normal; comparable with winnow_gate_threshold */
    int class_index;  /* of the most probable class, or -1 where the gate has no classes */
    float class_probability; /* 0..1, or 0 where the gate has no classes */
} winnow_result;

/* Judges one picture. Allocates nothing. The picture is only read. */
WINNOW_API winnow_status winnow_score(winnow_session *session, const winnow_image *image,
                                      winnow_result *result, winnow_error *error);

/* Writes the L2-normalised embedding of a picture to embedding[winnow_gate_embedding_size(gate)]. */
WINNOW_API winnow_status winnow_embed(winnow_session *session, const winnow_image *image, float *embedding,
                                      winnow_error *error);

/* ---- live video ---- */

/* Steadies the verdicts of a camera's frames, so that what an app shows never flickers. Each frame votes +1
 * (normal), 0 (unsure) or -1 (abnormal); the votes are averaged with weights that fall off with age, and the
 * shown verdict follows the average with hysteresis, at most once in `dwell` seconds. Everything is measured
 * in seconds, not frames: 10 frames a second and 60 give the same. A caller-owned struct without pointers;
 * copy and discard it freely. */
typedef struct winnow_stream {
    /* Settings, filled in by winnow_stream_init; may be changed before the first update. */
    double smoothing;  /* s, > 0: the age at which a frame weighs 1/e of the newest. 0.4 */
    double hysteresis; /* 0 to 0.5: how far beyond the middle between two verdicts (+-1/2) the average must
                          go to change them. 0.25 */
    double dwell;      /* s, >= 0: how long a shown verdict stays at the least. 0.6 */
    double gap;        /* s, > 0: after a pause of more than this, start afresh. 2 */
    /* State, of no concern to the caller. */
    int started;
    double last, since, vote, similarity, p_value, class_share;
    winnow_verdict verdict;
    int class_index;
} winnow_stream;

WINNOW_API void winnow_stream_init(winnow_stream *stream);

/* Takes the result of a frame and the time at which it was captured, in seconds of any clock that does not
 * run backwards (a time before the last one counts as the last one). Fills *shown: the steadied verdict and
 * class, and the averages of similarity and p-value, which lead the verdict by a moment. shown may be frame.
 */
WINNOW_API winnow_status winnow_stream_update(winnow_stream *stream, const winnow_result *frame,
                                              double seconds, winnow_result *shown, winnow_error *error);

#ifdef __cplusplus
}
#endif
#endif
