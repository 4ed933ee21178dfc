/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtimes in which `winnow verify` can run an exported file. */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "runner.h"

/* Finds out from the name what the file is, and starts it. Stop the runner with runner_stop. */
winnow_status verify_start(const char *path, runner *r, winnow_error *error);

#endif
