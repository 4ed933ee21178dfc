/* SPDX-License-Identifier: Apache-2.0
 * The learning rate of each step. */
#ifndef WN_SCHEDULE_H
#define WN_SCHEDULE_H

typedef enum wn_schedule_kind {
    WN_SCHEDULE_CONSTANT, /* rate at every step */
    WN_SCHEDULE_COSINE    /* half a cosine from rate down to 0 (Loshchilov and Hutter, arXiv 1608.03983) */
} wn_schedule_kind;

typedef struct wn_schedule {
    wn_schedule_kind kind;
    double rate; /* the highest */
    long warmup; /* steps of linear rise to it at the start (Goyal et al., arXiv 1706.02677); 0: none */
} wn_schedule;

/* The rate of step 0 <= step < total. Never 0: the first step of a warm-up is rate/warmup. */
double wn_schedule_rate(const wn_schedule *schedule, long step, long total);

#endif
