/* SPDX-License-Identifier: Apache-2.0 */
#include "promise.h"

#include <stdio.h>
#include <string.h>

const char *promise_certainty(double confidence, int sources, char text[96])
{
    if (!(confidence > 0))
        return strcpy(text, "on average");
    const int length = snprintf(text, 96, "with %.4g%% confidence over photos of ", 100 * confidence);
    char *rest = text + length;
    if (sources > 1)
        snprintf(rest, 96 - (size_t)length, "these %d sources", sources);
    else
        strcpy(rest, sources ? "this source" : "its sources");
    return text;
}
