/* SPDX-License-Identifier: Apache-2.0
 * Every weight's step is its own, so tasks may be taken by any thread in any order. */
#include "model_state.h"

typedef struct step {
    wn_model *model;
    const wn_sgd *sgd;
} step;

static void update(size_t count, float rate, float momentum, float decay, const float *restrict gradient,
                   float *restrict velocity, float *restrict weight)
{
    for (size_t i = 0; i < count; i++) {
        velocity[i] = momentum * velocity[i] + (gradient[i] + decay * weight[i]);
        weight[i] -= rate * velocity[i];
    }
}

static void update_tensor(const step *s, size_t offset, size_t count, bool is_weight)
{
    wn_model *m = s->model;
    update(count, s->sgd->rate, s->sgd->momentum, is_weight || s->sgd->decay_all ? s->sgd->weight_decay : 0,
           m->gradients + offset, m->momentum + offset, m->params.data + offset);
}

/* Task i is layer first_trainable + i; then come the embedding's rows, in as many tasks as threads. */
static void step_task(void *context, int index, int worker)
{
    (void)worker;
    const step *s = context;
    const wn_network *network = &s->model->network;
    const int layers = network->count - s->model->options.first_trainable;
    if (index < layers) {
        const wn_layer *layer = &network->layer[s->model->options.first_trainable + index];
        update_tensor(s, layer->weight, layer->weight_count, true);
        update_tensor(s, layer->gamma, 2 * (size_t)layer->cout, false); /* beta follows gamma */
        return;
    }
    const int parts = wn_pool_threads(s->model->pool), part = index - layers;
    const int from = network->embedding * part / parts, to = network->embedding * (part + 1) / parts;
    update_tensor(s, network->embedding_weight + (size_t)from * network->features,
                  (size_t)(to - from) * network->features, true);
    if (part == 0)
        update_tensor(s, network->embedding_bias, network->embedding, false);
}

void wn_model_step(wn_model *model, const wn_sgd *sgd)
{
    step s = {model, sgd};
    const int layers = model->network.count - model->options.first_trainable;
    wn_pool_run(model->pool, layers + wn_pool_threads(model->pool), step_task, &s);
    update((size_t)model->options.classes * model->network.embedding, sgd->class_rate, sgd->class_momentum, 0,
           model->class_gradients, model->class_momentum, model->class_vectors);
}
