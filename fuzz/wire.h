/* SPDX-License-Identifier: Apache-2.0
 * Changes to messages of protobuf that leave nearly all of them messages. It knows the wire format alone, no
 * schema: https://protobuf.dev/programming-guides/encoding/. */
#ifndef WN_FUZZ_WIRE_H
#define WN_FUZZ_WIRE_H

#include "runtime/random.h"

#include <stddef.h>
#include <stdint.h>

/* Leaves out, copies, renumbers or refills one field, at any depth, of the message bytes[0, size), and sets
 * the lengths of the messages around it right; `donor`, another message, gives fields that fit. Returns the
 * new size, at most `room`; bytes that are no message stay as they are. Not for two threads at once. */
size_t wn_wire_change(uint8_t *bytes, size_t size, size_t room, const uint8_t *donor, size_t donor_size,
                      wn_random *random);

#endif
