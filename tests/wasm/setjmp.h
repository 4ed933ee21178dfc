/* SPDX-License-Identifier: Apache-2.0
 * wasi-libc has none, and cmocka.h beside this file needs none. */
