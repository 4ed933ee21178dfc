/* SPDX-License-Identifier: Apache-2.0
 *
 * A promise in words. */
#ifndef CLI_PROMISE_H
#define CLI_PROMISE_H

/* "on average", or "with 95% confidence over photos of these 3 sources": a confidence takes the photos for
 * independent draws, so it says nothing of sources that are not among them. sources: 0 where unknown. */
const char *promise_certainty(double confidence, int sources, char text[96]);

#endif
