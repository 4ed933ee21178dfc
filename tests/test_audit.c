/* SPDX-License-Identifier: Apache-2.0
 * Wrong labels among features that were drawn: how many are found, and how many right ones are taken for
 * wrong. */
#include "runtime/random.h"
#include "runtime/vector.h"
#include "train/audit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DIM = 32, RIGHT = 60, PLANTED = 10, OTHERS = 50, COUNT = RIGHT + PLANTED + OTHERS };

typedef struct photos {
    float feature[COUNT][DIM], doubt[COUNT], own[COUNT];
    size_t nearest[COUNT];
    int label[COUNT];
    wn_audit_photo photo[COUNT];
} photos;

/* Photos of two kinds, RIGHT of label 0 and OTHERS of label 1, in sources of about ten; PLANTED more of the
 * second kind have label 0. They are of two sources, one of
 * them their own, so that each has its like among them. */
static void draw(int world, photos *p)
{
    wn_random random;
    wn_random_seed(&random, 1, (uint64_t)world);
    double level[COUNT / 10 + 1][DIM];
    for (int s = 0; s <= COUNT / 10; s++)
        for (int j = 0; j < DIM; j++)
            level[s][j] = 0.6 * wn_random_normal(&random);
    memset(p, 0, sizeof *p);
    for (int i = 0; i < COUNT; i++) {
        const bool first_kind = i < RIGHT, planted = !first_kind && i < RIGHT + PLANTED;
        const int source = planted ? i / 5 % 2 : i / 10;
        p->label[i] = i >= RIGHT + PLANTED;
        p->photo[i] = (wn_audit_photo){.readable = true, .pixels = (uint64_t)i};
        for (int j = 0; j < DIM; j++)
            p->feature[i][j] =
                (float)((j == !first_kind ? 3 : 0) + 2 + level[planted ? COUNT / 10 - source : source][j] +
                        0.6 * wn_random_normal(&random));
        wn_normalise(p->feature[i], DIM);
    }
}

static void audit(photos *p, int threads)
{
    wn_pool *pool = wn_pool_create(threads);
    winnow_error error;
    if (wn_audit_doubt(p->feature[0], p->label, 2, p->photo, COUNT, DIM, pool, p->doubt, &error))
        fail_msg("%s", error.message);
    wn_audit_nearness(p->feature[0], p->label, p->photo, COUNT, DIM, pool, p->own, p->nearest);
    wn_pool_free(pool);
}

static bool is_planted(int i)
{
    return i >= RIGHT && i < RIGHT + PLANTED;
}

/* 9 of 10 wrong labels are found, and 9 of 10 that are called wrong are. */
static void wrong_labels_are_found(void **state)
{
    (void)state;
    photos *p = malloc(sizeof *p);
    int found = 0, called = 0, planted = 0;
    for (int world = 0; world < 10; world++) {
        draw(world, p);
        audit(p, 1);
        for (int i = 0; i < COUNT; i++) {
            planted += is_planted(i);
            called += p->doubt[i] > WN_AUDIT_DOUBT;
            found += p->doubt[i] > WN_AUDIT_DOUBT && is_planted(i);
            assert_int_not_equal(p->label[i], p->label[p->nearest[i]]);
        }
    }
    if (found < 0.9 * planted || found < 0.9 * called)
        fail_msg("%d of %d wrong labels found, by %d calls", found, planted, called);
    free(p);
}

/* A photo and its near copies are judged by a regression without any of them: fitted to nothing but noise, it
 * would call each copy right. */
static void copies_do_not_vouch_for_each_other(void **state)
{
    (void)state;
    photos *p = malloc(sizeof *p);
    draw(0, p);
    audit(p, 1);
    const float alone = p->doubt[RIGHT];
    for (int i = RIGHT; i < RIGHT + PLANTED; i++) { /* all of them become copies of one */
        memcpy(p->feature[i], p->feature[RIGHT], sizeof p->feature[i]);
        p->photo[i].pixels = p->photo[RIGHT].pixels;
    }
    audit(p, 1);
    for (int i = RIGHT; i < RIGHT + PLANTED; i++)
        assert_true(p->doubt[i] == p->doubt[RIGHT] && p->doubt[i] >= alone - 0.05f);
    free(p);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    photos *p = malloc(sizeof *p);
    float doubt[COUNT];
    draw(0, p);
    audit(p, 1);
    memcpy(doubt, p->doubt, sizeof doubt);
    audit(p, 3);
    assert_memory_equal(doubt, p->doubt, sizeof doubt);
    p->photo[3].readable = false;
    audit(p, 2);
    assert_true(p->doubt[3] == 0);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_labels_are_found),
        cmocka_unit_test(copies_do_not_vouch_for_each_other),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
