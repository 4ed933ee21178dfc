/* SPDX-License-Identifier: Apache-2.0
 * A backbone of random weights, small, as the bytes of its file. */
#ifndef TEST_BACKBONE_H
#define TEST_BACKBONE_H

#include "runtime/network.h"
#include "runtime/safetensors.h"

#include <string.h>

enum { BACKBONE_BOTTLENECK = 112 };

typedef struct test_file {
    void *data;
    size_t size;
} test_file;

static inline int put_parameter(const char *name, int rank, const uint64_t *shape, size_t offset,
                                size_t count, void *context)
{
    void *const *pair = context;
    const wn_params *params = pair[1];
    (void)count;
    if (strncmp(name, "embedding.", 10) != 0)
        wn_writer_tensor(pair[0], name, WN_F32, rank, shape, params->data + offset);
    return 0;
}

/* A backbone with all metadata that docs/format.md asks for. */
static inline test_file make_backbone(void)
{
    static wn_network network;
    wn_params params;
    test_file out;
    assert_int_equal(wn_network_create("mobilenet_v2", 0.35f, 96, 8, &network, NULL), WINNOW_OK);
    assert_int_equal(wn_params_create(&network, &params, NULL), WINNOW_OK);
    wn_params_initialise(&network, 7, &params);
    wn_writer *writer = wn_writer_create();
    wn_writer_metadata(writer, "winnow.kind", "backbone");
    wn_writer_metadata(writer, "winnow.architecture", "mobilenet_v2");
    wn_writer_metadata(writer, "winnow.width", "0.35");
    wn_writer_metadata(writer, "winnow.input", "96");
    wn_writer_metadata(writer, "winnow.channels", "RGB");
    wn_writer_metadata(writer, "winnow.mean", "0.485 0.456 0.406");
    wn_writer_metadata(writer, "winnow.std", "0.229 0.224 0.225");
    void *pair[2] = {writer, &params};
    wn_network_tensors(&network, put_parameter, pair);
    assert_int_equal(wn_writer_write_memory(writer, &out.data, &out.size, NULL), WINNOW_OK);
    wn_writer_free(writer);
    wn_params_free(&params);
    return out;
}

#endif
