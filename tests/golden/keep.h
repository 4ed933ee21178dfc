/* SPDX-License-Identifier: Apache-2.0
 * Written by tests/oracle/keep.py. */
enum { KEEP_N = 3, KEEP_SIZE = 7 };
static const float keep_weight = 2.5f;
static const double keep_loss = 5.04408906;
static const float keep_gradient[] = {
    0.409032717f, 0.236689089f,  -0.292254067f, 0.388979235f,  -0.419674118f, 0.162832671f,  0.400016637f,
    0.31458438f,  -0.466633072f, 0.534052219f,  -0.205047689f, -0.462717192f, -0.167142601f, -0.518221956f,
    0.460946198f, 0.92234564f,   0.760846069f,  -0.858680309f, -0.662795192f, -0.413137279f, -0.398057471f,
};
