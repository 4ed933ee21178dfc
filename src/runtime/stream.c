/* SPDX-License-Identifier: Apache-2.0
 * Live video. Votes rather than similarities are averaged for the verdict: similarities have no common scale
 * and one frame may be far out, while a vote is bounded and a steady picture gets the verdict of its frames.
 */
#include "error.h"

#include <math.h>
#include <stdbool.h>

void winnow_stream_init(winnow_stream *stream)
{
    *stream = (winnow_stream){.smoothing = 0.4, .hysteresis = 0.25, .dwell = 0.6, .gap = 2};
}

static double vote_of(winnow_verdict verdict)
{
    return verdict == WINNOW_NORMAL ? 1 : verdict == WINNOW_UNSURE ? 0 : -1;
}

/* The verdict of an averaged vote, which keeps `now` until the average is clearly on the other side. */
static winnow_verdict decide(double vote, winnow_verdict now, double hysteresis)
{
    const double upper = now == WINNOW_NORMAL ? 0.5 - hysteresis : 0.5 + hysteresis;
    const double lower = now == WINNOW_ABNORMAL ? -0.5 + hysteresis : -0.5 - hysteresis;
    return vote > upper ? WINNOW_NORMAL : vote < lower ? WINNOW_ABNORMAL : WINNOW_UNSURE;
}

static void start(winnow_stream *stream, const winnow_result *frame, double seconds)
{
    stream->started = true;
    stream->last = stream->since = seconds;
    stream->vote = vote_of(frame->verdict);
    stream->similarity = frame->similarity;
    stream->p_value = frame->p_value;
    stream->verdict = frame->verdict;
    stream->class_index = frame->class_index;
    stream->class_share = frame->class_probability;
}

static void move_towards(double *average, double value, double weight)
{
    *average += weight * (value - *average);
}

/* The shown class stays until its averaged probability is below half of what another has in this frame. */
static void update_class(winnow_stream *stream, const winnow_result *frame, double weight)
{
    const bool same = frame->class_index == stream->class_index;
    move_towards(&stream->class_share, same ? frame->class_probability : 0, weight);
    if (!same && stream->class_share <= frame->class_probability / 2) {
        stream->class_index = frame->class_index;
        stream->class_share = frame->class_probability;
    }
}

static void follow(winnow_stream *stream, const winnow_result *frame, double seconds)
{
    const double weight = 1 - exp((stream->last - seconds) / stream->smoothing);
    stream->last = seconds;
    move_towards(&stream->vote, vote_of(frame->verdict), weight);
    move_towards(&stream->similarity, frame->similarity, weight);
    move_towards(&stream->p_value, frame->p_value, weight);
    update_class(stream, frame, weight);
    const winnow_verdict verdict = decide(stream->vote, stream->verdict, stream->hysteresis);
    if (verdict != stream->verdict && seconds - stream->since >= stream->dwell) {
        stream->verdict = verdict;
        stream->since = seconds;
    }
}

static winnow_status check(const winnow_stream *stream, const winnow_result *frame, double seconds,
                           const winnow_result *shown, winnow_error *error)
{
    if (!stream || !frame || !shown)
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "stream, frame or shown is NULL");
    if (!(stream->smoothing > 0 && stream->hysteresis >= 0 && stream->hysteresis <= 0.5 &&
          stream->dwell >= 0 && stream->gap > 0))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "a setting of the stream is outside its range");
    if ((unsigned)frame->verdict > WINNOW_ABNORMAL || !isfinite(frame->similarity) ||
        !isfinite(frame->p_value) || !isfinite(frame->class_probability))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "the frame's result is not one of winnow_score");
    if (!isfinite(seconds))
        return wn_fail(error, WINNOW_ERROR_ARGUMENT, -1, "the time of a frame is not finite");
    return WINNOW_OK;
}

winnow_status winnow_stream_update(winnow_stream *stream, const winnow_result *frame, double seconds,
                                   winnow_result *shown, winnow_error *error)
{
    const winnow_status status = check(stream, frame, seconds, shown, error);
    if (status)
        return status;
    if (stream->started && seconds < stream->last)
        seconds = stream->last;
    if (!stream->started || seconds - stream->last > stream->gap)
        start(stream, frame, seconds);
    else
        follow(stream, frame, seconds);
    *shown = (winnow_result){
        .verdict = stream->verdict,
        .p_value = (float)stream->p_value,
        .similarity = (float)stream->similarity,
        .class_index = stream->class_index,
        .class_probability = (float)stream->class_share,
    };
    return WINNOW_OK;
}
