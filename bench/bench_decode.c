/* SPDX-License-Identifier: Apache-2.0
 * Decodes photos and does nothing with them: the floor of judging them.
 *
 *     bench_decode THREADS TARGET PHOTO...
 *
 * TARGET is a gate's input size, which JPEGs may be reduced towards (codec.h); 0 decodes them whole. Prints
 * the photos a second. */
#include "bench.h"
#include "codec/codec.h"
#include "train/pool.h"

#include <stdio.h>
#include <stdlib.h>

static char **photo;
static int target;

static void decode(void *context, int index, int worker)
{
    (void)context, (void)worker;
    codec_picture picture;
    winnow_error error;
    if (codec_decode_file(photo[index], target, &picture, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(2);
    }
    codec_picture_free(&picture);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const int count = argc - 3;
    wn_pool *pool = wn_pool_create(atoi(argv[1]));
    if (!pool)
        return 1;
    target = atoi(argv[2]);
    photo = argv + 3;
    const double start = bench_now();
    wn_pool_run(pool, count, decode, NULL);
    printf("%.1f\n", count / (bench_now() - start));
    wn_pool_free(pool);
    return 0;
}
