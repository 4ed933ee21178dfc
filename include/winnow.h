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

/* What NV12 and I420 mean: the matrix, and whether luma fills 0 to 255 or 16 to 235 (chroma: 16 to 240). */
typedef enum winnow_yuv {
    WINNOW_YUV_601_FULL = 0, /* JPEG's, and most phone cameras' */
    WINNOW_YUV_601_VIDEO,    /* standard definition video */
    WINNOW_YUV_709_FULL,     /* iPhones, where the buffer says so */
    WINNOW_YUV_709_VIDEO     /* high definition video */
} winnow_yuv;

/* A borrowed picture of 8 bits a channel, sRGB. */
typedef struct winnow_image {
    const uint8_t *plane[3]; /* planes 1 and 2 are used by NV12 and I420 alone */
    ptrdiff_t stride[3]; /* bytes from one row to the next, of each plane; negative for bottom-up pictures */
    int width, height;   /* stored pixels, before orientation; 1 to 65,535 */
    winnow_pixel_format format;
    int orientation; /* EXIF 1 to 8; 0 means 1 (upright) */
    winnow_yuv yuv;  /* of NV12 and I420 */
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

/* The instruction set that gates opened from now on compute with: the best of the processor, or of those that
 * winnow_cpu_limit or the environment variable WINNOW_CPU left. Static storage. */
WINNOW_API const char *winnow_cpu(void);

/* Holds all gates that are opened from now on, in this process, to a lower instruction set: "baseline",
 * "avx2", "avx512", "avx512vnni", "avx512bf16" (x86), "dotprod" or "neonbf16" (ARM). NULL lifts the limit; a
 * higher one than the processor has changes nothing. For comparing, and around a processor's faults.
 * WINNOW_ERROR_ARGUMENT for any other name. */
WINNOW_API winnow_status winnow_cpu_limit(const char *name, winnow_error *error);

/* Frees a gate; NULL is allowed. Its sessions must have been freed before. */
WINNOW_API void winnow_gate_free(winnow_gate *gate);

/* What the gate file says under `key` (e.g. "winnow.backbone", "winnow.created", see docs/format.md), or
 * NULL. Owned by the gate. */
WINNOW_API const char *winnow_gate_metadata(const winnow_gate *gate, const char *key);

/* Side in pixels of the square that the network sees. A decoder may reduce a photo (as JPEG's can, cheaply)
 * as long as its shorter side stays at least twice that. */
WINNOW_API int winnow_gate_input_size(const winnow_gate *gate);

/* Length of the embedding that winnow_embed writes, in floats. */
WINNOW_API int winnow_gate_embedding_size(const winnow_gate *gate);

/* Number of classes that the gate can tell apart among normal pictures; 0 where it has none. */
WINNOW_API int winnow_gate_class_count(const winnow_gate *gate);

/* Name of class 0 <= index < winnow_gate_class_count, or NULL. Owned by the gate. */
WINNOW_API const char *winnow_gate_class_name(const winnow_gate *gate, int index);

/* The least similarity that is accepted, and the asked false-reject rate (0..1) that it was calibrated to. */
WINNOW_API float winnow_gate_threshold(const winnow_gate *gate);
WINNOW_API float winnow_gate_false_reject(const winnow_gate *gate);

/* What a gauge shows of a result (or of means over some frames), from 0 to 1: half at the threshold, above
 * it p / (p + the p-value of the threshold), below it falling by a factor of e with each step of similarity
 * as long as that from the threshold to a middling normal picture. 0 where gate is NULL. */
WINNOW_API float winnow_gauge(const winnow_gate *gate, float similarity, float p_value);

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

enum { WINNOW_EXPLAIN_SIDE = 8 };

/* Which parts of a picture speak for and against it. Cell (row, column) of map[8 * 8] is the similarity of a
 * patch around it, less the gate's threshold: above 0 it speaks for the picture, below 0 against it. A
 * patch's features are means over the maps that the network pools, under a Gaussian; they are normalised and
 * scored as those of a whole picture are. Works the same with every scorer. The grid covers what the gate
 * sees: the whole picture, or, where "winnow.fit" is "crop", its centred square. *result (may be NULL) is
 * what winnow_score gives. Allocates nothing; takes 10 times as long as winnow_score. */
WINNOW_API winnow_status winnow_explain(winnow_session *session, const winnow_image *image, float *map,
                                        winnow_result *result, winnow_error *error);

/* ---- teaching ---- */

/* Makes a new gate out of an old one, or of a backbone alone, and more pictures, where the camera is: without
 * training, files or threads, in under two seconds for 50 pictures.
 *
 *     winnow_learner *learner;
 *     winnow_learner_create(bytes, size, &learner, &error);        // a gate's file, or a backbone's
 *     winnow_learner_add(learner, &image, WINNOW_LABEL_NORMAL, &error);     // 19 or more, in any order
 *     winnow_learner_add(learner, &image, WINNOW_LABEL_ABNORMAL, &error);   // none is fine
 *     winnow_learner_describe(learner, text, sizeof text);         // "41 more normal pictures for 5%"
 *     winnow_learner_learn(learner, &new_bytes, &new_size, &lesson, &error);
 *     winnow_gate_open_memory(new_bytes, new_size, &gate, &error); // the new gate, or write it to a file
 *     winnow_bytes_free(new_bytes);
 *
 * A learner keeps what it was given: go on adding and learn again at any time. It belongs to one thread at a
 * time. It needs the memory of pictures that `winnow train` puts into a gate (a few MB); a gate whose whole
 * network was trained cannot be taught, because its features know its own pictures too well. How normals and
 * abnormals are used, and what is promised: docs/calibration.md. */
typedef struct winnow_learner winnow_learner;

typedef enum winnow_label {
    WINNOW_LABEL_ABNORMAL = 0, /* not the right kind of picture: a look-alike, a false alarm */
    WINNOW_LABEL_NORMAL = 1    /* the right kind of picture */
} winnow_label;

/* From the bytes of a gate or of a backbone (winnow.kind = backbone, or torchvision's MobileNetV2 by its
 * tensors' names: docs/format.md). They are copied. With a backbone alone the promise is 5% on average until
 * winnow_learner_promise. Free with winnow_learner_free; NULL is allowed there. */
WINNOW_API winnow_status winnow_learner_create(const void *bytes, size_t size, winnow_learner **learner,
                                               winnow_error *error);
WINNOW_API void winnow_learner_free(winnow_learner *learner);

/* What the new gate shall promise: at most `false_reject` (0 < . < 0.5) of normal pictures turned away, on
 * average (confidence 0) or with that confidence (e.g. 0.95). A gate's own promise is kept otherwise. */
WINNOW_API winnow_status winnow_learner_promise(winnow_learner *learner, double false_reject,
                                                double confidence, winnow_error *error);

/* Names where the pictures that are added from now on come from (a camera, a field, a day; UTF-8), or NULL:
 * from one unnamed place, as at the start. With three sources of normals or more each is left out in turn for
 * calibration, so that the promise speaks of cameras that it never saw. */
WINNOW_API winnow_status winnow_learner_source(winnow_learner *learner, const char *name,
                                               winnow_error *error);

/* Adds one picture. Allocates. A picture that the gate knows already replaces what it knew, label and all:
 * so a wrong label is corrected. */
WINNOW_API winnow_status winnow_learner_add(winnow_learner *learner, const winnow_image *image,
                                            winnow_label label, winnow_error *error);

/* The same in two steps: look at a picture (the slow part: one forward pass), and add what was seen, later,
 * again after winnow_learner_reset, or never. embedding[winnow_learner_embedding_size(learner)] is what the
 * gate scores; it is not winnow_embed's. */
WINNOW_API int winnow_learner_embedding_size(const winnow_learner *learner);
WINNOW_API winnow_status winnow_learner_embed(winnow_learner *learner, const winnow_image *image,
                                              float *embedding, winnow_error *error);
WINNOW_API winnow_status winnow_learner_add_embedding(winnow_learner *learner, const float *embedding,
                                                      winnow_label label, winnow_error *error);

/* Forgets all that was added since winnow_learner_create. */
WINNOW_API void winnow_learner_reset(winnow_learner *learner);

/* Pictures of that label, those that the gate remembers included; -1 for NULL or no label. */
WINNOW_API int winnow_learner_count(const winnow_learner *learner, winnow_label label);

/* How many more normal pictures the promise takes; 0: winnow_learner_learn will do. Frames of a camera that
 * hardly moved between them are one view, and count once, because they prove no more than one; the new gate
 * is made of the first of each view. Of pictures that were added by winnow_learner_add_embedding only the
 * features are compared. */
WINNOW_API int winnow_learner_needed(const winnow_learner *learner);

/* The same as a line for people, at most 127 bytes: "41 more normal pictures for 5%", "7 more normal
 * pictures, of other views, for 5%", "5% can be promised, for this camera only", "5% can be promised, for
 * cameras like the 4 it knows", "5% can be promised, for new sessions of this camera only". */
WINNOW_API void winnow_learner_describe(const winnow_learner *learner, char *text, size_t size);

/* Of the pictures that a gate did not see when it judged them, shares from 0 to 1; NaN where there are none.
 * Known ones are judged by gates without their source (or block), new ones by gates without a fifth of the
 * new ones. */
typedef struct winnow_lesson_shares {
    double rejected, accepted;         /* known normals turned away, known abnormals let through */
    double new_rejected, new_accepted; /* the same of the new ones */
} winnow_lesson_shares;

/* What teaching changed. */
typedef struct winnow_lesson {
    int normals, abnormals;         /* that the new gate remembers (at most 2,048 of each) */
    int new_normals, new_abnormals; /* of them, added */
    int replaced;                   /* known pictures that were given again */
    int sources; /* of the normals; fewer than 3, or bursts of one: the promise holds for this camera only */
    winnow_lesson_shares before; /* the old gate; all NaN where there was a backbone alone */
    winnow_lesson_shares after;
} winnow_lesson;

/* The new gate, as the bytes of its file: *bytes is the caller's, to be freed with winnow_bytes_free. *lesson
 * is filled; NULL is allowed and saves two thirds of the time. WINNOW_ERROR_DATA where the normals are too
 * few for the promise; the learner stays as it was. */
WINNOW_API winnow_status winnow_learner_learn(winnow_learner *learner, void **bytes, size_t *size,
                                              winnow_lesson *lesson, winnow_error *error);

/* The old gate, unchanged but for its threshold and p-values, which now rest on the added normals alone: for
 * one new camera, from 19 pictures (5%) or 59 (5% with 95% confidence) on. Abnormals that were added are not
 * looked at. */
WINNOW_API winnow_status winnow_learner_calibrate(winnow_learner *learner, void **bytes, size_t *size,
                                                  winnow_error *error);

/* Frees what winnow_learner_learn and winnow_learner_calibrate gave; NULL is allowed. */
WINNOW_API void winnow_bytes_free(void *bytes);

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
