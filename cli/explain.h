/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow check --explain OUT.png`: the photo under a heat map. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "winnow.h"

/* Writes the photo with the parts that speak for it in green and those that speak against it in orange, and a
 * scale below; full colour is the strongest part of this photo, *strongest in units of similarity from the
 * threshold. */
winnow_status explain_photo(winnow_session *session, const winnow_gate *gate, const char *photo,
                            const char *out, float *strongest, winnow_error *error);

#endif
