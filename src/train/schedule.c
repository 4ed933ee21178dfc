/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <math.h>

double wn_schedule_rate(const wn_schedule *schedule, long step, long total)
{
    const double pi = 3.14159265358979323846;
    if (step < schedule->warmup)
        return schedule->rate * (double)(step + 1) / (double)schedule->warmup;
    if (schedule->kind == WN_SCHEDULE_CONSTANT || total <= schedule->warmup)
        return schedule->rate;
    double done = (double)(step - schedule->warmup) / (double)(total - schedule->warmup);
    return schedule->rate * 0.5 * (1 + cos(pi * done));
}
