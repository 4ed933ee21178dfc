/* SPDX-License-Identifier: Apache-2.0
 *
 * `winnow train`: from photos to a gate. Two ways lead there.
 *
 * A frozen backbone: the features of all photos are computed once, the embedding is trained on them, and
 * scorers are fitted to the features. Those have learned nothing from these photos, so each source can be
 * scored by a gate made of the others: that is what calibration rests on.
 *
 * Everything learns: the network is trained on the photos themselves. Its features then know the photos they
 * learned from, so the scorer is fitted to those, and calibrated on held-out ones. */
#include "train_run.h"

#include "../src/runtime/vector.h"
#include "../src/train/engine_head.h"
#include "../src/train/engine_network.h"
#include "output.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    stop_asked = 1;
    signal(signal_number, SIG_DFL); /* the second one ends at once */
}

/* ---- the trainer ---- */

static void show_epoch(void *context, const wn_epoch_report *report)
{
    run *r = context;
    output_note("epoch%d: %.6f %.6f  auroc %.4f  fpr@95 %.4f  loss %.4f  %.0f images/s%s", report->epoch,
                report->normal_similarity, report->abnormal_similarity, report->auroc, report->fpr_at_95_tpr,
                report->loss, report->images_per_second, report->best ? "  *" : "");
    train_history_add(&r->history, report);
}

static void show_step(void *context, int epoch, int step, int steps, double loss)
{
    (void)loss;
    run *r = context;
    progress_update(&r->bar, (long)(epoch - 1) * steps + step);
}

void train_settings(const run *r, char *text)
{
    wn_train_recipe recipe = r->request->recipe;
    recipe.architecture = r->start.network.architecture->name; /* a backbone's, where there is one */
    recipe.width = r->start.network.width;
    recipe.preprocess = r->gate.preprocess;
    wn_train_recipe_settings(&recipe, r->request->seed, r->data.hash, text);
    size_t length = strlen(text);
    snprintf(text + length, WN_TRAIN_SETTINGS_SIZE - length, "backbone=%s\n",
             r->request->backbone ? r->start.hash : "none");
}

static winnow_status run_trainer(run *r, wn_engine *engine, winnow_error *error)
{
    const train_request *request = r->request;
    const wn_train_recipe *recipe = &request->recipe;
    char fingerprint[WN_TRAIN_SETTINGS_SIZE];
    train_settings(r, fingerprint);
    const wn_trainer_options options = {
        .epochs = recipe->epochs,
        .save_interval = recipe->save_interval,
        .schedule = {recipe->schedule, recipe->learning_rate, lround(recipe->warmup * engine->steps)},
        .batch = recipe->batch,
        .checkpoint_path = request->checkpoint[0] ? request->checkpoint : NULL,
        .log_path = request->log[0] ? request->log : NULL,
        .fingerprint = fingerprint,
        .resume = request->resume,
        .stop = &stop_asked,
        .report = show_epoch,
        .progress = show_step,
        .context = r,
    };
    progress_begin(&r->bar, recipe->freeze == WN_FREEZE_BACKBONE ? "head" : "train", "steps",
                   (long)recipe->epochs * engine->steps);
    winnow_status status = wn_trainer_run(engine, &options, &r->trained, error);
    progress_end(&r->bar);
    return status;
}

/* ---- features ---- */

static void bad_photo(void *context, size_t index, const char *line)
{
    (void)index;
    run *r = context;
    r->bad++;
    output_warning("%s", line);
}

static void photo_done(void *context, size_t done, size_t count)
{
    (void)count;
    run *r = context;
    progress_update(&r->bar, (long)done);
}

static winnow_status compute(run *r, const char *label, const train_photos *photos, wn_feature_set *set,
                             winnow_error *error)
{
    const wn_feature_options options = {.network = &r->start.network,
                                        .plan = r->plan,
                                        .preprocess = &r->gate.preprocess,
                                        .pool = r->pool,
                                        .bad = bad_photo,
                                        .progress = photo_done,
                                        .context = r,
                                        .stop = &stop_asked};
    progress_begin(&r->bar, label, "photos", (long)photos->count);
    const double start = progress_seconds();
    winnow_status status = wn_features_compute(&options, photos->path, photos->count, set, error);
    r->feature_seconds += progress_seconds() - start;
    progress_end(&r->bar);
    r->asked += (long)photos->count;
    if (!status && (double)r->bad > r->request->max_bad * (double)r->asked)
        status = wn_fail(
            error, WINNOW_ERROR_DATA, -1,
            "%ld of %ld photos cannot be read, more than --max-bad %g%%: mend or remove them, or raise it",
            r->bad, r->asked, 100 * r->request->max_bad);
    return status;
}

static winnow_status compute_all(run *r, winnow_error *error)
{
    winnow_status status;
    if ((status = compute(r, "features of the normals", &r->data.normal, &r->normal, error)) ||
        (status = compute(r, "features of the abnormals", &r->data.abnormal, &r->abnormal, error)) ||
        (status = compute(r, "features of held-out normals", &r->data.valid_normal, &r->valid_normal, error)))
        return status;
    return compute(r, "features of held-out abnormals", &r->data.valid_abnormal, &r->valid_abnormal, error);
}

/* ---- the two ways ---- */

/* The classes of the loss: the abnormals, and the normals, or each class of theirs. */
static winnow_status find_classes(run *r, winnow_error *error)
{
    const train_photos *photos = &r->data.normal;
    r->normal_class = malloc((photos->count + 1) * sizeof *r->normal_class);
    winnow_status status = r->normal_class ? WINNOW_OK : wn_fail_memory(error);
    for (size_t i = 0; i < photos->count && !status; i++)
        status = train_label_of(r, photos, i, &r->normal_class[i], error);
    r->classes_of_loss = 1 + (r->gate.class_count ? r->gate.class_count : 1);
    return status;
}

static winnow_status new_class_vectors(run *r, winnow_error *error)
{
    const int size = r->start.network.embedding;
    r->class_vectors = malloc((size_t)r->classes_of_loss * (size_t)size * sizeof(float));
    if (!r->class_vectors)
        return wn_fail_memory(error);
    wn_class_vectors_initialise(r->classes_of_loss, size, r->request->seed, r->class_vectors);
    return WINNOW_OK;
}

static winnow_status train_head(run *r, winnow_error *error)
{
    const wn_network *network = &r->start.network;
    winnow_status status = wn_plan_create(network, &r->start.params, WN_PRECISION_FP32, &r->plan, error);
    if (!status)
        status = compute_all(r, error);
    const bool few = 2 * (int)r->normal.count < r->request->recipe.batch;
    if (status || !r->request->embedding || few || !r->abnormal.count || !r->valid_abnormal.count ||
        !r->valid_normal.count)
        return status; /* or nothing to train an embedding on, or against: the gate does without one */
    for (size_t i = 0; i < r->normal.count; i++) /* of the photos that could be read */
        r->normal_class[i] = r->normal_class[r->normal.index[i]];
    const wn_head_data data = {
        .size = network->features,
        .normal = r->normal.features,
        .abnormal = r->abnormal.features,
        .normals = (int)r->normal.count,
        .abnormals = (int)r->abnormal.count,
        .classes = r->classes_of_loss,
        .normal_class = r->normal_class,
        .valid_normal = r->valid_normal.features,
        .valid_abnormal = r->valid_abnormal.features,
        .valid_normals = (int)r->valid_normal.count,
        .valid_abnormals = (int)r->valid_abnormal.count,
    };
    wn_engine *engine = NULL;
    status = wn_engine_head_create(&r->request->recipe, r->request->seed, &data, r->pool,
                                   r->start.params.data + network->embedding_weight,
                                   r->start.params.data + network->embedding_bias, r->class_vectors, &engine,
                                   error);
    if (!status)
        status = run_trainer(r, engine, error);
    wn_engine_head_free(engine);
    r->gate.has_embedding = !status;
    return status;
}

static winnow_status train_network(run *r, winnow_error *error)
{
    const train_request *request = r->request;
    const wn_network_data data = {
        .normal = r->data.normal.path,
        .abnormal = r->data.abnormal.path,
        .valid_normal = r->data.valid_normal.path,
        .valid_abnormal = r->data.valid_abnormal.path,
        .normals = (int)r->data.normal.count,
        .abnormals = (int)r->data.abnormal.count,
        .valid_normals = (int)r->data.valid_normal.count,
        .valid_abnormals = (int)r->data.valid_abnormal.count,
        .classes = r->classes_of_loss,
        .normal_class = r->normal_class,
        .cache_mb = request->cache_mb,
        .threads = request->threads,
        .max_bad = request->max_bad,
        .bad = bad_photo,
        .context = r,
    };
    wn_engine *engine = NULL;
    winnow_status status =
        wn_engine_network_create(&request->recipe, request->seed, &r->start.network, &r->gate.preprocess,
                                 &data, r->pool, &r->start.params, r->class_vectors, &engine, error);
    if (!status)
        status = run_trainer(r, engine, error);
    wn_engine_network_free(engine);
    if (status || r->trained.stopped)
        return status;
    r->gate.has_embedding = true;
    status = wn_plan_create(&r->start.network, &r->start.params, WN_PRECISION_FP32, &r->plan, error);
    return status ? status : compute_all(r, error);
}

static winnow_status prepare(run *r, winnow_error *error)
{
    const train_request *request = r->request;
    const wn_train_recipe *recipe = &request->recipe;
    winnow_status status;
    if (request->backbone) {
        status = wn_backbone_load(request->backbone, recipe->input, recipe->embedding, request->seed,
                                  &r->start, error);
        if (status)
            return status;
        r->gate.preprocess = r->start.preprocess;
        r->gate.preprocess.fit = recipe->preprocess.fit;
        if (r->start.folded && recipe->freeze != WN_FREEZE_BACKBONE)
            output_warning("%s: its batch norms were folded into the convolutions, so training its layers "
                           "starts from wrong statistics: import weights that have norms, or freeze the "
                           "backbone",
                           request->backbone);
        output_note("backbone %s at %dx%d%s (%s)", r->start.name, recipe->input, recipe->input,
                    recipe->freeze == WN_FREEZE_BACKBONE ? ", frozen" : "", request->backbone);
    } else {
        status = wn_network_create(recipe->architecture, (float)recipe->width, recipe->input,
                                   recipe->embedding, &r->start.network, error);
        if (!status)
            status = wn_params_create(&r->start.network, &r->start.params, error);
        if (status)
            return status;
        wn_params_initialise(&r->start.network, request->seed, &r->start.params);
        r->gate.preprocess = recipe->preprocess;
        output_warning("training from random weights: such gates know little of other people's cameras; a "
                       "pretrained backbone is far "
                       "better (run `make backbone`, or give --backbone FILE)");
    }
    r->pool = wn_pool_create(request->threads);
    if (!r->pool)
        return wn_fail_memory(error);
    status = find_classes(r, error);
    return status ? status : new_class_vectors(r, error);
}

/* ---- the result ---- */

static void release(run *r)
{
    wn_feature_set_free(&r->normal);
    wn_feature_set_free(&r->abnormal);
    wn_feature_set_free(&r->valid_normal);
    wn_feature_set_free(&r->valid_abnormal);
    wn_plan_free(r->plan);
    wn_gate_file_free(&r->gate);
    wn_gate_fit_result_free(&r->fit);
    wn_class_fit_result_free(&r->classes);
    wn_diagnosis_free(&r->diagnosis);
    wn_backbone_free(&r->start);
    wn_pool_free(r->pool);
    free(r->class_vectors);
    free(r->normal_class);
    free(r->sample);
    free(r->mean_embedding);
    train_history_free(&r->history);
    train_data_free(&r->data);
}

/* The features of the photos that were scored, for the map; NULL where memory is short. */
static float *map_features(const run *r, int *size)
{
    const wn_feature_set *sets[] = {&r->normal, &r->abnormal, &r->valid_normal, &r->valid_abnormal};
    *size = r->start.network.bottleneck;
    const size_t row_size = (size_t)*size;
    float *feature = malloc(((size_t)r->fit.count + 1) * row_size * sizeof *feature);
    size_t begin = 0, done = 0;
    for (int s = 0; feature && s < 4; begin += sets[s++]->count)
        while (done < (size_t)r->fit.count && (size_t)r->fit.row[done] < begin + sets[s]->count) {
            memcpy(feature + done * row_size,
                   sets[s]->bottleneck + ((size_t)r->fit.row[done] - begin) * row_size,
                   row_size * sizeof *feature);
            done++;
        }
    return feature;
}

/* Features of all photos, normalised; NULL where memory is short. */
static float *audit_features(const run *r)
{
    const wn_feature_set *sets[] = {&r->normal, &r->abnormal, &r->valid_normal, &r->valid_abnormal};
    const size_t row_size = (size_t)r->start.network.bottleneck;
    float *feature = malloc(((size_t)r->samples + 1) * row_size * sizeof *feature), *row = feature;
    for (int s = 0; feature && s < 4; s++)
        for (size_t i = 0; i < sets[s]->count; i++, row += row_size) {
            memcpy(row, sets[s]->bottleneck + i * row_size, row_size * sizeof *row);
            wn_normalise(row, (int)row_size);
        }
    return feature;
}

static int show(const run *r)
{
    int feature_size;
    float *feature = map_features(r, &feature_size);
    float *looked_at = r->request->report[0] ? audit_features(r) : NULL;
    train_audit audit = {0};
    const bool audited = looked_at && train_audit_find(r->sample, (size_t)r->samples, looked_at,
                                                       r->start.network.bottleneck, r->pool, &audit);
    free(looked_at);
    const train_outcome outcome = {.request = r->request,
                                   .gate = &r->gate,
                                   .fit = &r->fit,
                                   .diagnosis = r->request->classes ? &r->diagnosis : NULL,
                                   .audit = audited ? &audit.result : NULL,
                                   .temperature = r->classes.temperature,
                                   .photo = r->sample,
                                   .feature = feature,
                                   .feature_size = feature_size,
                                   .trained = &r->trained,
                                   .history = &r->history,
                                   .seconds = progress_seconds() - r->began,
                                   .images_per_second =
                                       r->request->recipe.freeze != WN_FREEZE_BACKBONE
                                           ? r->trained.images_per_second
                                           : (double)r->asked / fmax(r->feature_seconds, 1e-9)};
    int status = train_show(&outcome);
    train_audit_free(&audit);
    free(feature);
    return status;
}

/* A folder that is missing is told at once, not after the training. */
static winnow_status check_folder_of(const char *path, winnow_error *error)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s",
             slash && !length ? 1
             : slash          ? length
                              : 1,
             slash && !length ? "/"
             : slash          ? path
                              : ".");
    if (!path[0] || !access(folder, W_OK | X_OK))
        return WINNOW_OK;
    return wn_fail(error, WINNOW_ERROR_IO, -1, "%s: cannot be written: %s: %s", path, folder,
                   strerror(errno));
}

static winnow_status check_outputs(const train_request *request, winnow_error *error)
{
    const char *const paths[] = {request->output, request->checkpoint, request->log, request->report};
    winnow_status status = WINNOW_OK;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && !status; i++)
        status = check_folder_of(paths[i], error);
    return status;
}

int train_run(const train_request *request)
{
    winnow_error error;
    run r = {.request = request, .began = progress_seconds()};
    if (check_outputs(request, &error))
        return output_failure(&error);
    int result = train_data_read(request, &r.data);
    if (result >= 0)
        return result;
    signal(SIGINT, ask_to_stop);
    signal(SIGTERM, ask_to_stop);
    winnow_status status = prepare(&r, &error);
    if (!status)
        status =
            request->recipe.freeze == WN_FREEZE_BACKBONE ? train_head(&r, &error) : train_network(&r, &error);
    if (!status && r.trained.stopped) {
        output_note("stopped after %d epochs; go on with the same command and --resume", r.trained.epochs);
        release(&r);
        return STATUS_DONE;
    }
    if (!status)
        status = train_make_gate(&r, &error);
    result = status ? output_failure(&error) : show(&r);
    release(&r);
    return result;
}
