
/* ---- preprocessing: any picture to RGB bytes of SIDE x SIDE, by exact integer arithmetic ---- */

/* The part of an axis that is kept. */
typedef struct span {
    int length, begin, kept;
} span;

static int limit(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

#if OPENCV_BILINEAR

/* Output i of an axis mixes two pixels, with factors of 11 bits after the point. */
typedef struct mix {
    int at, next, weight, next_weight;
} mix;

static mix mix_of(span s, int i, int columns)
{
    const double scale = 1 / ((double)SIDE / s.kept);
    float fraction = (float)((i + 0.5) * scale - 0.5);
    int at = (int)floorf(fraction);
    fraction -= (float)at;
    if (columns && (at < 0 || at >= s.kept - 1)) {
        at = limit(at, 0, s.kept - 1);
        fraction = 0;
    }
    return (mix){s.begin + limit(at, 0, s.kept - 1), s.begin + limit(at + 1, 0, s.kept - 1),
                 (int)lrintf((1 - fraction) * 2048), (int)lrintf(fraction * 2048)};
}

static void resize(const unsigned char *rgb, long stride, span x, span y, void *scratch, unsigned char *out)
{
    mix *columns = scratch;
    for (int i = 0; i < SIDE; i++)
        columns[i] = mix_of(x, i, 1);
    for (int row = 0; row < SIDE; row++) {
        const mix my = mix_of(y, row, 0);
        const unsigned char *upper = rgb + my.at * stride, *lower = rgb + my.next * stride;
        for (int i = 0; i < SIDE; i++)
            for (int c = 0; c < 3; c++) {
                const mix mx = columns[i];
                const int above = upper[mx.at * 3 + c] * mx.weight + upper[mx.next * 3 + c] * mx.next_weight;
                const int below = lower[mx.at * 3 + c] * mx.weight + lower[mx.next * 3 + c] * mx.next_weight;
                const int sum = (my.weight * (above >> 4) >> 16) + (my.next_weight * (below >> 4) >> 16);
                *out++ = (unsigned char)((sum + 2) >> 2);
            }
    }
}

#else

/* The antialiased triangle: output i is made of `count` pixels from `first` on. */
typedef struct part {
    int first, count;
    double centre, support;
} part;

static part part_of(span s, int i)
{
    const double scale = (double)s.kept / SIDE;
    part p = {0, 0, s.begin + (i + 0.5) * scale, scale > 1 ? scale : 1};
    p.first = limit((int)(p.centre - p.support + 0.5), 0, s.length);
    p.count = limit((int)(p.centre + p.support + 0.5), 0, s.length) - p.first;
    return p;
}

/* Their weights, in multiples of 2^-22. */
static void weights_of(part p, int *weight)
{
    const double inverse = 1 / p.support;
    double sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int t = 0; t < p.count; t++) {
            const double x = fabs((t + p.first - p.centre + 0.5) * inverse), height = x < 1 ? 1 - x : 0;
            if (pass)
                weight[t] = (int)(0.5 + height / sum * (1 << 22));
            else
                sum += height;
        }
}

typedef struct resizing {
    part column[SIDE];
    int at[SIDE];                    /* where a column's weights begin */
    int sum[SIDE * 3];               /* of one output row */
    int weight[2 * MOST + 8 * SIDE]; /* of the columns, then of one row */
} resizing;

static void resize(const unsigned char *rgb, long stride, span x, span y, void *scratch, unsigned char *out)
{
    resizing *r = scratch;
    int used = 0;
    for (int i = 0; i < SIDE; i++) {
        r->column[i] = part_of(x, i);
        r->at[i] = used;
        weights_of(r->column[i], r->weight + used);
        used += r->column[i].count;
    }
    for (int row = 0; row < SIDE; row++) {
        const part p = part_of(y, row);
        weights_of(p, r->weight + used);
        for (int i = 0; i < SIDE * 3; i++)
            r->sum[i] = 1 << 21;
        for (int t = 0; t < p.count; t++)
            for (int i = 0; i < SIDE; i++) {
                const unsigned char *from = rgb + (p.first + t) * stride + r->column[i].first * 3;
                const int *weight = r->weight + r->at[i];
                int sum[3] = {1 << 21, 1 << 21, 1 << 21};
                for (int k = 0; k < r->column[i].count; k++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += from[k * 3 + c] * weight[k];
                for (int c = 0; c < 3; c++)
                    r->sum[i * 3 + c] += (sum[c] >> 22) * r->weight[used + t];
            }
        for (int i = 0; i < SIDE * 3; i++)
            *out++ = (unsigned char)(r->sum[i] >> 22);
    }
}

#endif

static void preprocess(const unsigned char *rgb, int width, int height, long stride, void *scratch,
                       float *out)
{
    span x = {width, 0, width}, y = {height, 0, height};
    unsigned char *bytes =
        (unsigned char *)out + 9 * SIDE * SIDE; /* the floats catch up with them at the very end */
    if (CROP) {
        const int side = width < height ? width : height;
        x = (span){width, (width - side) / 2, side};
        y = (span){height, (height - side) / 2, side};
    }
    resize(rgb, stride, x, y, scratch, bytes);
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int c = 0; c < 3; c++) {
            const unsigned char value = bytes[i * 3 + c];
            out[i * 3 + c] = ((float)value / 255 - mean[c]) / deviation[c];
        }
}

/* ---- the network: maps are [row][column][channel] ---- */

/* sum[c], which holds a plain sum of products, becomes an output. */
static void finish(const step *s, const float *numbers, const float *restrict sum, float *restrict out)
{
    for (int c = 0; c < s->cout; c++) {
        float y = sum[c] * (s->quantised ? numbers[s->scale + c] : 1) + numbers[s->bias + c];
        if (s->relu6)
            y = y < 0 ? 0 : y > 6 ? 6 : y;
        out[c] = y;
    }
}

/* The input pixel under a tap of the filter for output (y, x), or -1 in the zero padding. */
static int pixel_under(const step *s, int y, int x, int tap)
{
    const int row = y * s->stride - s->pad + tap / s->kernel;
    const int column = x * s->stride - s->pad + tap % s->kernel;
    return row < 0 || row >= s->in || column < 0 || column >= s->in ? -1 : row * s->in + column;
}

/* weight: [tap][colour][cout] */
static void convolve(const step *s, const float *numbers, const float *in, float *restrict sum, float *out)
{
    for (int i = 0; i < s->out * s->out; i++, out += s->cout) {
        memset(sum, 0, (size_t)s->cout * sizeof *sum);
        for (int tap = 0; tap < s->kernel * s->kernel; tap++) {
            const int pixel = pixel_under(s, i / s->out, i % s->out, tap);
            for (int k = 0; k < s->cin && pixel >= 0; k++) {
                const float x = in[pixel * s->cin + k];
                const float *restrict w = numbers + s->weight + (tap * s->cin + k) * s->cout;
                for (int c = 0; c < s->cout; c++)
                    sum[c] += x * w[c];
            }
        }
        finish(s, numbers, sum, out);
    }
}

/* weight: [tap][channel] */
static void depthwise(const step *s, const float *numbers, const float *in, float *restrict sum, float *out)
{
    for (int i = 0; i < s->out * s->out; i++, out += s->cout) {
        memset(sum, 0, (size_t)s->cout * sizeof *sum);
        for (int tap = 0; tap < s->kernel * s->kernel; tap++) {
            const int pixel = pixel_under(s, i / s->out, i % s->out, tap);
            if (pixel < 0)
                continue;
            const float *restrict x = in + pixel * s->cout, *restrict w = numbers + s->weight + tap * s->cout;
            for (int c = 0; c < s->cout; c++)
                sum[c] += x[c] * w[c];
        }
        finish(s, numbers, sum, out);
    }
}

/* weight: [cin][cout]; also a 1x1 convolution, a pixel at a time */
static void dense(const step *s, const float *numbers, const signed char *small, const float *in,
                  float *restrict sum, float *out)
{
    const int pixels = s->out ? s->out * s->out : 1;
    for (int i = 0; i < pixels; i++, in += s->cin, out += s->cout) {
        memset(sum, 0, (size_t)s->cout * sizeof *sum);
        for (int k = 0; k < s->cin; k++) {
            const float x = in[k];
            if (s->quantised) {
                const signed char *restrict w = small + s->weight + k * s->cout;
                for (int c = 0; c < s->cout; c++)
                    sum[c] += x * (float)w[c];
            } else {
                const float *restrict w = numbers + s->weight + k * s->cout;
                for (int c = 0; c < s->cout; c++)
                    sum[c] += x * w[c];
            }
        }
        finish(s, numbers, sum, out);
    }
}

static void mean_of_map(const step *s, const float *in, float *out)
{
    const int pixels = s->in * s->in;
    for (int c = 0; c < s->cout; c++) {
        double sum = 0;
        for (int i = 0; i < pixels; i++)
            sum += (double)in[i * s->cout + c];
        out[c] = (float)(sum / pixels);
    }
}

/* ---- the score ---- */

static void normalise(const step *s, const float *numbers, const float *in, float *out)
{
    double sum = 0;
    for (int c = 0; c < s->cout; c++) {
        out[c] = in[c] + (s->bias >= 0 ? numbers[s->bias + c] : 0);
        sum += (double)out[c] * (double)out[c];
    }
    for (int c = 0; c < s->cout && sum > 0; c++)
        out[c] = (float)(out[c] / sqrt(sum));
}

/* The mean of the `top` largest. */
static float nearest(const step *s, const float *in)
{
    float best[8];
    int found = 0;
    for (int i = 0; i < s->cin; i++) {
        int at = found < s->top ? found++ : found;
        if (at == s->top && in[i] <= best[--at])
            continue;
        for (; at > 0 && best[at - 1] < in[i]; at--)
            best[at] = best[at - 1];
        best[at] = in[i];
    }
    float sum = 0;
    for (int i = 0; i < found; i++)
        sum += best[i];
    return sum / (float)found;
}

static float squares(const step *s, const float *in)
{
    float sum = 0;
    for (int i = 0; i < s->cin; i++)
        sum += in[i] * in[i];
    return sum;
}

static void softmax(const step *s, const float *in, float *out)
{
    float most = in[0];
    double sum = 0;
    for (int c = 1; c < s->cout; c++)
        most = in[c] > most ? in[c] : most;
    for (int c = 0; c < s->cout; c++)
        sum += exp((double)in[c] - (double)most);
    for (int c = 0; c < s->cout; c++)
        out[c] = (float)(exp((double)in[c] - (double)most) / sum);
}

/* ---- one step after the other ---- */

static void run_step(const step *s, const float *numbers, const signed char *small, float *memory)
{
    const float *in = memory + s->from[0];
    float *out = memory + s->to, *sum = memory + SUMS;
    switch (s->op) {
    case CONVOLVE:
        convolve(s, numbers, in, sum, out);
        break;
    case DEPTHWISE:
        depthwise(s, numbers, in, sum, out);
        break;
    case DENSE:
        dense(s, numbers, small, in, sum, out);
        break;
    case ADD:
        for (int i = 0; i < s->cout; i++)
            out[i] = in[i] + memory[s->from[1] + i];
        break;
    case MEAN:
        mean_of_map(s, in, out);
        break;
    case COPY:
        memcpy(out, in, (size_t)s->cout * sizeof *out);
        break;
    case NORMALISE:
        normalise(s, numbers, in, out);
        break;
    case TOP:
        out[0] = nearest(s, in);
        break;
    case SQUARES:
        out[0] = squares(s, in);
        break;
    case SOFTMAX:
        softmax(s, in, out);
        break;
    }
}

static float p_value_of(const float *numbers, float score)
{
    int low = 0, high = KNOTS;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (numbers[KNOT_SCORES + middle] <= score)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? numbers[KNOT_P_VALUES + low - 1] : LEAST_P;
}
