/* SPDX-License-Identifier: Apache-2.0
 * What winnow.h does not tell of a session: its size, for `winnow bench`, and more of the picture that it
 * scored last than winnow_result has, for `winnow verify`. */
#ifndef WN_SESSION_H
#define WN_SESSION_H

#include "gate_file.h"
#include "plan.h"

/* Bytes that a session of this gate allocates, pictures of 65,535 pixels a side included: all that it ever
 * takes beyond the gate. */
size_t wn_session_bytes(const wn_gate_file *file, const wn_plan *plan);

/* What winnow_embed gives: [winnow_gate_embedding_size], the session's until the next picture. */
const float *wn_session_embedding(const winnow_session *session);

/* The probability of every class -> out[winnow_gate_class_count]. */
void wn_session_classes(const winnow_session *session, float *out);

#endif
