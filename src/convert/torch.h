/* SPDX-License-Identifier: Apache-2.0
 * PyTorch checkpoints: what torch.save writes of a state dict, or of a dictionary that holds one, such as
 * {epoch, state_dict, optimizer}. Both forms: the ZIP archive (PyTorch 1.6 and later) and the legacy sequence
 * of pickles and storages. */
#ifndef WN_TORCH_H
#define WN_TORCH_H

#include "weights.h"

/* Whether bytes[size] begins like one. */
bool wn_torch_recognise(const void *bytes, size_t size);

/* Appends the tensors of the state dict to *weights (zeroed before); their data stay in bytes[size]. On
 * failure *weights holds some of them and is still to be freed. */
winnow_status wn_torch_parse(const void *bytes, size_t size, wn_weights *weights, winnow_error *error);

#endif
