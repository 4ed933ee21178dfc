/* SPDX-License-Identifier: Apache-2.0
 * The epoch loop on a task that takes milliseconds: two clouds of points, told apart by the head engine. */
#include "../src/train/engine_head.h"
#include "../src/train/order.h"

#include "../src/runtime/file.h"
#include "../src/runtime/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 24, EMBEDDING = 8, NORMALS = 40, ABNORMALS = 30, VALID = 20, CLASSES = 3 };

typedef struct fixture {
    float normal[NORMALS * SIZE], abnormal[ABNORMALS * SIZE], valid[2 * VALID * SIZE];
    float weight[EMBEDDING * SIZE], bias[EMBEDDING], classes[CLASSES * EMBEDDING];
    int normal_class[NORMALS];
    wn_train_recipe recipe;
    wn_pool *pool;
    wn_engine *engine;
    sig_atomic_t stop;
    int steps, stop_after;
    char folder[64], checkpoint[128], log[128];
} fixture;

static void cloud(float *out, int count, float centre, wn_random *random)
{
    for (int i = 0; i < count * SIZE; i++)
        out[i] = (float)(wn_random_normal(random) + (i % SIZE < SIZE / 2 ? centre : 0));
}

static void count_step(void *context, int epoch, int step, int steps, double loss)
{
    (void)epoch, (void)step, (void)steps;
    fixture *f = context;
    assert_true(loss > 0);
    if (++f->steps == f->stop_after)
        f->stop = 1;
}

static void create_engine(fixture *f, int classes)
{
    const wn_head_data data = {.size = SIZE,
                               .normal = f->normal,
                               .abnormal = f->abnormal,
                               .normals = NORMALS,
                               .abnormals = ABNORMALS,
                               .classes = classes,
                               .normal_class = f->normal_class,
                               .valid_normal = f->valid,
                               .valid_abnormal = f->valid + VALID * SIZE,
                               .valid_normals = VALID,
                               .valid_abnormals = VALID};
    wn_engine_head_free(f->engine);
    assert_int_equal(wn_engine_head_create(&f->recipe, 3, &data, f->pool, f->weight, f->bias, f->classes,
                                           &f->engine, NULL),
                     WINNOW_OK);
}

static void begin(fixture *f, int threads)
{
    wn_random random;
    memset(f, 0, sizeof *f);
    wn_random_seed(&random, 5, 0);
    cloud(f->normal, NORMALS, 1, &random);
    cloud(f->abnormal, ABNORMALS, -1, &random);
    cloud(f->valid, VALID, 1, &random);
    cloud(f->valid + VALID * SIZE, VALID, -1, &random);
    for (int i = 0; i < EMBEDDING * SIZE; i++)
        f->weight[i] = (float)wn_random_normal(&random) * 0.2f;
    for (int i = 0; i < NORMALS; i++)
        f->normal_class[i] = 1;
    for (int i = 0; i < CLASSES * EMBEDDING; i++)
        f->classes[i] = (float)wn_random_normal(&random);
    assert_int_equal(wn_train_recipe_named("default", true, &f->recipe, NULL), WINNOW_OK);
    f->recipe.embedding = EMBEDDING;
    f->recipe.batch = 16;
    f->recipe.epochs = 6;
    f->pool = wn_pool_create(threads);
    assert_non_null(f->pool);
    create_engine(f, 2);
    strcpy(f->folder, "/tmp/winnow-trainer-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->checkpoint, sizeof f->checkpoint, "%s/a.checkpoint", f->folder);
    snprintf(f->log, sizeof f->log, "%s/log.csv", f->folder);
}

static void end(fixture *f)
{
    unlink(f->checkpoint);
    unlink(f->log);
    rmdir(f->folder);
    wn_engine_head_free(f->engine);
    wn_pool_free(f->pool);
}

static winnow_status train(fixture *f, bool resume, const char *settings, wn_trainer_result *result,
                           winnow_error *error)
{
    const wn_trainer_options options = {.epochs = f->recipe.epochs,
                                        .save_interval = 2,
                                        .schedule = {WN_SCHEDULE_COSINE, 0.05, 3},
                                        .batch = f->recipe.batch,
                                        .checkpoint_path = f->checkpoint,
                                        .log_path = f->log,
                                        .fingerprint = settings,
                                        .resume = resume,
                                        .stop = &f->stop,
                                        .progress = count_step,
                                        .context = f};
    return wn_trainer_run(f->engine, &options, result, error);
}

static void assert_same_file(const char *a, const char *b)
{
    void *x, *y;
    size_t x_size, y_size;
    assert_int_equal(wn_read_file(a, 1 << 24, &x, &x_size, NULL), WINNOW_OK);
    assert_int_equal(wn_read_file(b, 1 << 24, &y, &y_size, NULL), WINNOW_OK);
    assert_int_equal(x_size, y_size);
    assert_memory_equal(x, y, x_size);
    free(x);
    free(y);
}

static void learns(void **state)
{
    (void)state;
    fixture f;
    begin(&f, 2);
    wn_trainer_result result;
    assert_int_equal(train(&f, false, "a=1\n", &result, NULL), WINNOW_OK);
    assert_int_equal(result.epochs, 6);
    assert_true(result.best_auroc > 0.95);
    assert_false(result.stopped);
    end(&f);
}

static double cosine_with_class(const fixture *f, const float *feature, int class)
{
    double dot = 0, squares = 0, length = 0;
    for (int unit = 0; unit < EMBEDDING; unit++) {
        double value = f->bias[unit];
        for (int i = 0; i < SIZE; i++)
            value += (double)f->weight[unit * SIZE + i] * feature[i];
        const double vector = f->classes[class * EMBEDDING + unit];
        dot += value * vector;
        squares += value * value;
        length += vector * vector;
    }
    return dot / sqrt(squares * length);
}

/* Normals of two classes, every other one moved along a quarter of the features: each is nearest to the
 * vector of its own. */
static void learns_classes_of_normals(void **state)
{
    (void)state;
    fixture f;
    begin(&f, 2);
    for (int i = 0; i < NORMALS; i++) {
        f.normal_class[i] = 1 + i % 2;
        for (int j = SIZE / 2; j < SIZE / 2 + SIZE / 4; j++)
            f.normal[i * SIZE + j] += i % 2 ? 2.f : -2.f;
    }
    create_engine(&f, CLASSES);
    wn_trainer_result result;
    assert_int_equal(train(&f, false, "a=1\n", &result, NULL), WINNOW_OK);
    int right = 0;
    for (int i = 0; i < NORMALS; i++) {
        int best = 0;
        for (int class = 1; class < CLASSES; class ++)
            if (cosine_with_class(&f, f.normal + i * SIZE, class) >
                cosine_with_class(&f, f.normal + i * SIZE, best))
                best = class;
        right += best == f.normal_class[i];
    }
    assert_true(right > NORMALS * 0.9);
    end(&f);
}

/* Stopped after any number of steps and resumed in a fresh engine, on another number of threads: the same
 * bytes in the checkpoint and in the log, and the same weights. */
static void resumes_with_the_same_numbers(void **state)
{
    (void)state;
    fixture whole;
    wn_trainer_result result;
    begin(&whole, 2);
    assert_int_equal(train(&whole, false, "a=1\n", &result, NULL), WINNOW_OK);
    for (int after = 1; after < whole.steps; after += 3) {
        fixture broken, resumed;
        begin(&broken, 2);
        broken.stop_after = after;
        assert_int_equal(train(&broken, false, "a=1\n", &result, NULL), WINNOW_OK);
        assert_true(result.stopped);
        begin(&resumed, 1);
        assert_int_equal(rename(broken.checkpoint, resumed.checkpoint), 0);
        assert_int_equal(train(&resumed, true, "a=1\n", &result, NULL), WINNOW_OK);
        assert_int_equal(resumed.steps, whole.steps - after);
        assert_same_file(whole.checkpoint, resumed.checkpoint);
        assert_same_file(whole.log, resumed.log);
        assert_memory_equal(whole.weight, resumed.weight, sizeof whole.weight);
        end(&broken);
        end(&resumed);
    }
    end(&whole);
}

static void refuses_other_settings(void **state)
{
    (void)state;
    fixture f;
    wn_trainer_result result;
    winnow_error error;
    begin(&f, 1);
    f.stop_after = 2;
    assert_int_equal(train(&f, false, "batch=16\nseed=1\n", &result, NULL), WINNOW_OK);
    assert_int_equal(train(&f, true, "batch=16\nseed=2\n", &result, &error), WINNOW_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "was made with seed=1, this run has seed=2"));
    end(&f);
}

/* The head engine with a step that spoils a weight, and tells of a finite loss, as where a ReLU6 stands
 * behind it. */
typedef struct spoiling {
    wn_engine engine;
    fixture *fixture;
    int steps, spoils; /* steps done, and the one that does it */
} spoiling;

static winnow_status spoil(wn_engine *engine, double rate, double *loss, winnow_error *error)
{
    (void)rate, (void)error;
    spoiling *s = (spoiling *)engine;
    if (++s->steps == s->spoils)
        s->fixture->weight[3] = NAN;
    *loss = 8.9;
    return WINNOW_OK;
}

static winnow_status begin_nothing(wn_engine *engine, int epoch, int first_step, winnow_error *error)
{
    (void)engine, (void)epoch, (void)first_step, (void)error;
    return WINNOW_OK;
}

static void list_weight(wn_engine *engine, wn_state *state)
{
    const uint64_t shape[] = {EMBEDDING, SIZE};
    wn_state_add(state, "", "embedding.weight", 2, shape, ((spoiling *)engine)->fixture->weight);
}

/* Neither the log nor a checkpoint is written of weights that are lost: at the end of an epoch, or stopped
 * within it. */
static void refuses_weights_that_are_no_numbers(void **state)
{
    (void)state;
    for (int stop_after = 0; stop_after <= 7; stop_after += 7) {
        fixture f;
        begin(&f, 1);
        spoiling s = {
            .engine = {.steps = 5, .begin_epoch = begin_nothing, .step = spoil, .list_state = list_weight},
            .fixture = &f,
            .spoils = 6};
        const wn_trainer_options options = {.epochs = 3,
                                            .save_interval = 2,
                                            .schedule = {WN_SCHEDULE_COSINE, 0.05, 3},
                                            .batch = 1,
                                            .checkpoint_path = f.checkpoint,
                                            .log_path = f.log,
                                            .fingerprint = "a=1\n",
                                            .stop = &f.stop,
                                            .progress = count_step,
                                            .context = &f};
        wn_trainer_result result;
        winnow_error error;
        f.stop_after = stop_after;
        assert_int_equal(wn_trainer_run(&s.engine, &options, &result, &error), WINNOW_ERROR_DATA);
        assert_string_equal(
            error.message, "embedding.weight became infinite in epoch 2: train with a lower --learning-rate");
        assert_int_equal(f.steps, stop_after ? stop_after : 10);
        assert_int_equal(access(f.checkpoint, F_OK), -1);
        assert_int_equal(access(f.log, F_OK), -1);
        end(&f);
    }
}

/* The mean is of ALL normals, each normalised first. */
static void similarities_are_to_the_mean_of_directions(void **state)
{
    (void)state;
    const float embedding[] = {10, 0, 0, 0.1f, 1, 1, -5, 0}; /* two normals, two abnormals, of length 2 */
    const wn_validation validation = {embedding, 2, 2, 2};
    float similarity[4], mean[2];
    assert_int_equal(wn_validation_similarities(&validation, similarity, mean, NULL), WINNOW_OK);
    assert_float_equal(mean[0], 0.5, 1e-6);
    assert_float_equal(mean[1], 0.5, 1e-6);
    assert_float_equal(similarity[0], 0.70710678, 1e-6);
    assert_float_equal(similarity[1], 0.70710678, 1e-6);
    assert_float_equal(similarity[2], 1, 1e-6);
    assert_float_equal(similarity[3], -0.70710678, 1e-6);
}

/* Every epoch has each normal once; abnormals come without replacement while the pool lasts, others each
 * epoch. */
static void draws_abnormals_afresh(void **state)
{
    (void)state;
    enum { N = 6, POOL = 30 };
    wn_order_entry order[2 * N];
    int scratch[POOL], seen[POOL] = {0};
    for (int epoch = 0; epoch < POOL / N; epoch++) {
        int normals[N] = {0};
        wn_epoch_order(N, POOL, 9, epoch, order, scratch);
        for (int i = 0; i < 2 * N; i++)
            (order[i].label ? normals : seen)[order[i].index]++;
        for (int i = 0; i < N; i++)
            assert_int_equal(normals[i], 1);
    }
    for (int i = 0; i < POOL; i++) /* five epochs of six used the whole pool, each once */
        assert_int_equal(seen[i], 1);
    wn_epoch_order(N, 2, 9, 0, order, scratch); /* a pool of two serves six evenly */
    int used[2] = {0};
    for (int i = 0; i < 2 * N; i++)
        if (!order[i].label)
            used[order[i].index]++;
    assert_int_equal(used[0], 3);
    assert_int_equal(used[1], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(learns_classes_of_normals),
        cmocka_unit_test(resumes_with_the_same_numbers),
        cmocka_unit_test(refuses_other_settings),
        cmocka_unit_test(refuses_weights_that_are_no_numbers),
        cmocka_unit_test(similarities_are_to_the_mean_of_directions),
        cmocka_unit_test(draws_abnormals_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
