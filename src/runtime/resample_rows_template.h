/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of a resize, for one instruction set. Included by resample_rows.c, which defines
 *   TARGET      the attribute that lets a function use the instruction set
 *   NAME(name)  the name of a function for it
 *   WIDEN(from) eight bytes as an i32x8 */

TARGET static inline __attribute__((always_inline)) i32x8 NAME(load)(const int32_t *from)
{
    i32x8 values;
    memcpy(&values, from, sizeof values);
    return values;
}

/* The sums of every `step`-th lane, from lanes 0, 1 ... on, to bytes. Halves are added as long as whole
 * pixels fall on whole pixels: 24 lanes are twice 12, 16 are four times 4. */
TARGET static inline __attribute__((always_inline)) void NAME(fold)(const i32x8 *sums, const int step,
                                                                    uint8_t *out)
{
    const int count = step == 3 ? 12 : 4;
    i32x4 folded[3];
    int32_t lanes[12];
    if (step == 3) {
        folded[0] = LOW(sums[0]) + HIGH(sums[1]);
        folded[1] = HIGH(sums[0]) + LOW(sums[2]);
        folded[2] = LOW(sums[1]) + HIGH(sums[2]);
    } else {
        const i32x8 sum = sums[0] + sums[1];
        folded[0] = LOW(sum) + HIGH(sum);
    }
    memcpy(lanes, folded, (size_t)count * sizeof *lanes);
    for (int c = 0; c < step; c++) {
        int32_t total = HALF;
        for (int i = c; i < count; i += step)
            total += lanes[i];
        out[c] = to_byte(total);
    }
}

TARGET static inline __attribute__((always_inline)) void NAME(row)(const wn_axis *axis, const int step,
                                                                   const uint8_t *row, uint8_t *out)
{
    const int vectors = step == 3 ? 3 : 2;
    const int32_t *weight = axis->weight;
    for (int x = 0; x < axis->out; x++, weight += axis->window) {
        const uint8_t *from = row + (ptrdiff_t)axis->first[x] * step;
        i32x8 sums[3] = {{0}};
        for (int w = 0; w < axis->window; w += 8 * vectors)
            for (int v = 0; v < vectors; v++)
                sums[v] += WIDEN(from + w + 8 * v) * NAME(load)(weight + w + 8 * v);
        NAME(fold)(sums, step, out + (ptrdiff_t)x * step);
    }
}

TARGET static void NAME(horizontal)(const wn_axis *axis, const uint8_t *row, uint8_t *out)
{
    switch (axis->step) {
    case 1:
        NAME(row)(axis, 1, row, out);
        break;
    case 2:
        NAME(row)(axis, 2, row, out);
        break;
    case 3:
        NAME(row)(axis, 3, row, out);
        break;
    default:
        NAME(row)(axis, 4, row, out);
    }
}

/* 32 samples at x of all rows. */
TARGET static inline __attribute__((always_inline)) void NAME(column_block)(const uint8_t *const *rows,
                                                                            const int32_t *weight, int count,
                                                                            int x, const bool alpha,
                                                                            uint8_t *out)
{
    i32x8 sums[4];
    for (int v = 0; v < 4; v++)
        sums[v] = (i32x8){0} + HALF;
    for (int i = 0; i < count; i++) {
        const uint8_t *from = rows[i] + x;
        uint8_t composed[32];
        if (alpha && !wn_row_is_opaque(from, 8)) {
            wn_compose_row(from, 8, composed);
            from = composed;
        }
        for (int v = 0; v < 4; v++)
            sums[v] += WIDEN(from + 8 * v) * weight[i];
    }
    int32_t lanes[32];
    memcpy(lanes, sums, sizeof lanes);
    for (int i = 0; i < 32; i++)
        out[i] = to_byte(lanes[i]);
}

TARGET static void NAME(vertical)(const uint8_t *const *rows, const int32_t *weight, int count, int width,
                                  bool alpha, uint8_t *out)
{
    int x = 0;
    /* The last block is moved back to end with the row: some samples are computed twice. */
    for (; width >= 32 && x < width; x += 32) {
        x = x > width - 32 ? width - 32 : x;
        if (alpha)
            NAME(column_block)(rows, weight, count, x, true, out + x);
        else
            NAME(column_block)(rows, weight, count, x, false, out + x);
    }
    for (; x < width; x++) {
        int32_t sum = HALF;
        for (int i = 0; i < count; i++) {
            const uint8_t *pixel = rows[i] + x / 4 * 4;
            const uint8_t sample = rows[i][x];
            sum += weight[i] * (alpha && x % 4 < 3 ? wn_over_grey(sample, pixel[3]) : sample);
        }
        out[x] = to_byte(sum);
    }
}
