/* SPDX-License-Identifier: Apache-2.0
 * Both resizes of docs/format.md, in doubles, which hold every integer that they come across: the triangle's
 * integer weights are computed in the graph from the picture's size, in the order of resample.c, and applied
 * as two matrix products, each rounded to bytes. (ONNX's own Resize has no antialiasing before opset 18, and
 * floats after it.) */
#include "onnx_resize.h"

typedef struct axis {
    const char *name;         /* "rows", "columns" */
    const char *length;       /* of the picture, int64 [1] */
    const char *begin, *kept; /* doubles [1] */
} axis;

#define NODE(op, what, ...)                                                                                  \
    wn_onnx_node(onnx, op, wn_onnx_name(onnx, "%s.%s", a->name, what), __VA_ARGS__, NULL)

static void add_constants(wn_onnx *onnx, const wn_preprocess *preprocess, double *half)
{
    const int64_t column[] = {preprocess->size, 1};
    for (int i = 0; i < preprocess->size; i++)
        half[i] = i + 0.5;
    wn_onnx_constant(onnx, "resize.half", ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, 2, column, half);
    wn_onnx_double(onnx, "resize.size", preprocess->size);
    wn_onnx_double(onnx, "resize.0", 0);
    wn_onnx_double(onnx, "resize.0.5", 0.5);
    wn_onnx_double(onnx, "resize.1", 1);
    for (int64_t i = 1; i <= 3; i++)
        wn_onnx_whole(onnx, wn_onnx_name(onnx, "resize.axis%d", (int)i), 1, &i);
    if (preprocess->resample == WN_RESAMPLE_OPENCV_BILINEAR || preprocess->fit == WN_FIT_CROP)
        wn_onnx_double(onnx, "resize.2", 2);
    if (preprocess->resample == WN_RESAMPLE_TRIANGLE) {
        wn_onnx_double(onnx, "resize.2^22", 0x1p22);
        wn_onnx_double(onnx, "resize.2^-22", 0x1p-22);
        return;
    }
    wn_onnx_double(onnx, "resize.4", 4);
    wn_onnx_double(onnx, "resize.16", 16);
    wn_onnx_double(onnx, "resize.2048", 2048);
    wn_onnx_double(onnx, "resize.2^16", 0x1p16);
}

static const char *cast(wn_onnx *onnx, const char *output, const char *input,
                        Onnx__TensorProto__DataType type)
{
    wn_onnx_node(onnx, "Cast", output, input, NULL);
    wn_onnx_int(onnx, "to", type);
    return output;
}

/* The sides of the picture and the part of them that is kept. */
static void measure(wn_onnx *onnx, const wn_preprocess *preprocess, const char *image, axis sides[2])
{
    wn_onnx_node(onnx, "Shape", "image.shape", image, NULL);
    sides[0] = (axis){.name = "rows", .length = "rows.length"};
    sides[1] = (axis){.name = "columns", .length = "columns.length"};
    wn_onnx_node(onnx, "Slice", "rows.length", "image.shape", "resize.axis1", "resize.axis2", NULL);
    wn_onnx_node(onnx, "Slice", "columns.length", "image.shape", "resize.axis2", "resize.axis3", NULL);
    for (int i = 0; i < 2; i++) {
        axis *a = &sides[i];
        a->kept = cast(onnx, wn_onnx_name(onnx, "%s.real", a->name), a->length,
                       ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE);
        a->begin = "resize.0";
    }
    if (preprocess->fit == WN_FIT_STRETCH)
        return;
    const char *side = wn_onnx_node(onnx, "Min", "crop.side", sides[0].kept, sides[1].kept, NULL);
    for (int i = 0; i < 2; i++) {
        axis *a = &sides[i];
        const char *rest = NODE("Sub", "rest", a->kept, side);
        a->begin = NODE("Floor", "begin", NODE("Div", "rest.half", rest, "resize.2"));
        a->kept = side;
    }
}

/* ---- triangle ---- */

/* (size, length): what each pixel weighs, in whole multiples of 2^-22. */
static const char *triangle_weights(wn_onnx *onnx, const axis *a)
{
    const char *scale = NODE("Div", "scale", a->kept, "resize.size");
    const char *support = NODE("Max", "support", scale, "resize.1");
    const char *centre = NODE("Add", "centre", a->begin, NODE("Mul", "steps", "resize.half", scale));
    const char *length = NODE("Squeeze", "count", wn_onnx_name(onnx, "%s.real", a->name));
    const char *pixel = NODE("Range", "pixel", "resize.0", length, "resize.1");
    const char *offset = NODE("Add", "offset", NODE("Sub", "difference", pixel, centre), "resize.0.5");
    const char *inverse = NODE("Div", "inverse", "resize.1", support);
    const char *distance = NODE("Abs", "distance", NODE("Mul", "position", offset, inverse));
    const char *height = NODE("Max", "height", NODE("Sub", "slope", "resize.1", distance), "resize.0");
    const char *sum = NODE("ReduceSum", "sum", height, "resize.axis1");
    const char *share = NODE("Div", "share", height, sum);
    const char *fixed = NODE("Mul", "fixed", share, "resize.2^22");
    return NODE("Floor", "weight", NODE("Add", "fixed.half", fixed, "resize.0.5"));
}

static const char *round_to_bytes(wn_onnx *onnx, const axis *a, const char *products)
{
    const char *levels = NODE("Mul", "levels", products, "resize.2^-22");
    return NODE("Floor", "bytes", NODE("Add", "levels.half", levels, "resize.0.5"));
}

static const char *triangle(wn_onnx *onnx, const axis sides[2], const char *pixels)
{
    const axis *a = &sides[1];
    const char *across = NODE("Transpose", "weight.transposed", triangle_weights(onnx, a));
    const char *narrow = round_to_bytes(onnx, a, NODE("MatMul", "products", pixels, across));
    a = &sides[0];
    return round_to_bytes(onnx, a, NODE("MatMul", "products", triangle_weights(onnx, a), narrow));
}

/* ---- OpenCV's ---- */

typedef struct mix {
    const char *at, *next, *weight, *next_weight; /* indices int64 [size], weights double [size] */
} mix;

/* Index `at` clipped to the kept part, counted from the picture's start. */
static const char *pixel_index(wn_onnx *onnx, const axis *a, const char *what, const char *at,
                               const char *last)
{
    const char *high = NODE("Max", wn_onnx_name(onnx, "%s.clipped", what),
                            NODE("Min", wn_onnx_name(onnx, "%s.least", what), at, last), "resize.0");
    const char *from = NODE("Add", wn_onnx_name(onnx, "%s.pixel", what), high, a->begin);
    return cast(onnx, wn_onnx_name(onnx, "%s.%s", a->name, what),
                NODE("Squeeze", wn_onnx_name(onnx, "%s.flat", what), from, "resize.axis1"),
                ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
}

/* As fill_mix of bilinear.c: the position is rounded to float. */
static mix find_mix(wn_onnx *onnx, const axis *a, bool columns)
{
    const char *scale = NODE("Div", "scale", "resize.1", NODE("Div", "ratio", "resize.size", a->kept));
    const char *place = NODE("Sub", "place", NODE("Mul", "steps", "resize.half", scale), "resize.0.5");
    cast(onnx, wn_onnx_name(onnx, "%s.single", a->name), place, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    const char *position =
        cast(onnx, wn_onnx_name(onnx, "%s.position", a->name), wn_onnx_name(onnx, "%s.single", a->name),
             ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE);
    const char *floor = NODE("Floor", "floor", position);
    const char *fraction = NODE("Sub", "fraction", position, floor);
    const char *last = NODE("Sub", "last", a->kept, "resize.1");
    const char *after = NODE("Add", "after", floor, "resize.1");
    if (columns) { /* no fraction at the border */
        const char *left = NODE("Less", "left", floor, "resize.0");
        const char *outside = NODE("Or", "outside", left, NODE("GreaterOrEqual", "right", floor, last));
        fraction = NODE("Where", "inner", outside, "resize.0", fraction);
    }
    const char *rest = NODE("Sub", "rest_fraction", "resize.1", fraction);
    const char *weight = NODE("Round", "weight", NODE("Mul", "weight.fixed", rest, "resize.2048"));
    const char *next =
        NODE("Round", "next_weight", NODE("Mul", "next_weight.fixed", fraction, "resize.2048"));
    mix m = {.at = pixel_index(onnx, a, "at", floor, last),
             .next = pixel_index(onnx, a, "next", after, last)};
    m.weight = columns ? NODE("Squeeze", "weight.flat", weight, "resize.axis1") : weight;
    m.next_weight = columns ? NODE("Squeeze", "next_weight.flat", next, "resize.axis1") : next;
    return m;
}

/* The pixels (or rows) at an index, times a weight. */
static const char *weigh(wn_onnx *onnx, const axis *a, const char *what, const char *from, const char *at,
                         const char *weight, int dimension)
{
    const char *picked = NODE("Gather", wn_onnx_name(onnx, "%s.pixels", what), from, at);
    wn_onnx_int(onnx, "axis", dimension);
    return NODE("Mul", wn_onnx_name(onnx, "%s.part", what), picked, weight);
}

static const char *opencv_bilinear(wn_onnx *onnx, const axis sides[2], const char *pixels)
{
    const axis *a = &sides[1];
    mix m = find_mix(onnx, a, true);
    const char *first = weigh(onnx, a, "first", pixels, m.at, m.weight, 3);
    const char *sum = NODE("Add", "mixed", first, weigh(onnx, a, "second", pixels, m.next, m.next_weight, 3));
    const char *narrow = NODE("Floor", "cut", NODE("Div", "cut.exact", sum, "resize.16"));
    a = &sides[0];
    m = find_mix(onnx, a, false);
    const char *upper =
        NODE("Div", "upper.exact", weigh(onnx, a, "first", narrow, m.at, m.weight, 2), "resize.2^16");
    const char *lower =
        NODE("Div", "lower.exact", weigh(onnx, a, "second", narrow, m.next, m.next_weight, 2), "resize.2^16");
    sum = NODE("Add", "mixed", NODE("Floor", "upper", upper), NODE("Floor", "lower", lower));
    const char *rounded = NODE("Div", "quarters", NODE("Add", "mixed.half", sum, "resize.2"), "resize.4");
    return NODE("Floor", "bytes", rounded);
}

const char *wn_onnx_resize(wn_onnx *onnx, const wn_preprocess *preprocess, const char *image, double *half)
{
    axis sides[2];
    add_constants(onnx, preprocess, half);
    measure(onnx, preprocess, image, sides);
    wn_onnx_node(onnx, "Transpose", "image.planes", image, NULL);
    wn_onnx_ints(onnx, "perm", 4, (int64_t[]){0, 3, 1, 2});
    const char *pixels = cast(onnx, "image.pixels", "image.planes", ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE);
    const char *bytes = preprocess->resample == WN_RESAMPLE_TRIANGLE ? triangle(onnx, sides, pixels)
                                                                     : opencv_bilinear(onnx, sides, pixels);
    return cast(onnx, "resized", bytes, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}
