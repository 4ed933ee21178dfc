/* SPDX-License-Identifier: Apache-2.0
 * More of the picture that a session scored last than winnow_result tells, for `winnow verify`. */
#ifndef WN_SESSION_H
#define WN_SESSION_H

#include "winnow.h"

/* What winnow_embed gives: [winnow_gate_embedding_size], the session's until the next picture. */
const float *wn_session_embedding(const winnow_session *session);

/* The probability of every class -> out[winnow_gate_class_count]. */
void wn_session_classes(const winnow_session *session, float *out);

#endif
