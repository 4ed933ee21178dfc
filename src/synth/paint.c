/* SPDX-License-Identifier: Apache-2.0 */
#include "paint.h"

#include <math.h>
#include <stddef.h>

/* ---- random choices ---- */

double uniform(scene *s, double low, double high)
{
    return wn_random_range(&s->random, low, high);
}

int choose(scene *s, int count)
{
    return (int)wn_random_below(&s->random, (uint64_t)count);
}

bool chance(scene *s, double probability)
{
    return wn_random_uniform(&s->random) < probability;
}

/* ---- colours ---- */

static double clamp(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

colour hsv(double hue, double saturation, double value)
{
    double h = hue / 60 - 6 * floor(hue / 360);
    double s = clamp(saturation), v = clamp(value);
    double c[3];
    for (int i = 0; i < 3; i++) {
        double k = fmod((i == 0 ? 5 : i == 1 ? 3 : 1) + h, 6);
        double ramp = fmin(k, 4 - k);
        c[i] = v - v * s * clamp(ramp);
    }
    return (colour){c[0], c[1], c[2]};
}

colour mix(colour a, colour b, double t)
{
    return (colour){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

colour shade(colour c, double f)
{
    if (f <= 1)
        return (colour){c.r * f, c.g * f, c.b * f};
    return mix(c, (colour){1, 1, 1}, 1 - 1 / f);
}

static colour jitter(scene *s, colour c, double amount)
{
    double all = uniform(s, -amount, amount);
    return (colour){clamp(c.r + all + uniform(s, -amount, amount) / 3),
                    clamp(c.g + all + uniform(s, -amount, amount) / 3),
                    clamp(c.b + all + uniform(s, -amount, amount) / 3)};
}

colour leaf_tone(scene *s)
{
    double t = uniform(s, 0, 2);
    colour c = t < 1 ? mix(s->leaf[0], s->leaf[1], t) : mix(s->leaf[1], s->leaf[2], t - 1);
    return jitter(s, c, 0.03);
}

colour any_paint(scene *s)
{
    return jitter(s, s->paint[choose(s, 4)], 0.05);
}

void use(scene *s, colour c, double alpha)
{
    cairo.set_source_rgba(s->cairo, c.r, c.g, c.b, alpha);
}

/* ---- shapes ---- */

void fill_lit(scene *s, colour c, double x, double y, double radius)
{
    double lx = cos(s->place.light) * radius, ly = sin(s->place.light) * radius;
    cairo_pattern_t *pattern = cairo.pattern_create_linear(x + lx, y + ly, x - lx, y - ly);
    double depth = 0.25 + s->place.shadow;
    colour bright = shade(c, 1 + 0.6 * depth), dark = shade(c, 1 - 0.8 * depth);
    cairo.pattern_add_color_stop_rgb(pattern, 0, bright.r, bright.g, bright.b);
    cairo.pattern_add_color_stop_rgb(pattern, 1, dark.r, dark.g, dark.b);
    cairo.set_source(s->cairo, pattern);
    cairo.fill(s->cairo);
    cairo.pattern_destroy(pattern);
}

void disc(scene *s, double x, double y, double rx, double ry, double angle, colour c, double alpha)
{
    cairo.save(s->cairo);
    cairo.translate(s->cairo, x, y);
    cairo.rotate(s->cairo, angle);
    cairo.scale(s->cairo, fmax(rx, 0.1), fmax(ry, 0.1));
    cairo.arc(s->cairo, 0, 0, 1, 0, 2 * M_PI);
    cairo.restore(s->cairo);
    use(s, c, alpha);
    cairo.fill(s->cairo);
}

void line(scene *s, double x0, double y0, double x1, double y1, double width, colour c, double alpha)
{
    cairo.move_to(s->cairo, x0, y0);
    cairo.line_to(s->cairo, x1, y1);
    cairo.set_line_width(s->cairo, width);
    use(s, c, alpha);
    cairo.stroke(s->cairo);
}

void box(scene *s, double x, double y, double w, double h, colour c)
{
    cairo.rectangle(s->cairo, x, y, w, h);
    use(s, c, 1);
    cairo.fill(s->cairo);
}

void quad(scene *s, const double xy[8], colour c)
{
    cairo.move_to(s->cairo, xy[0], xy[1]);
    for (int i = 2; i < 8; i += 2)
        cairo.line_to(s->cairo, xy[i], xy[i + 1]);
    cairo.close_path(s->cairo);
    use(s, c, 1);
    cairo.fill(s->cairo);
}

void blob_path(scene *s, double x, double y, double rx, double ry, double rough)
{
    enum { N = 9 };
    double px[N], py[N];
    double turn = uniform(s, 0, 2 * M_PI);
    for (int i = 0; i < N; i++) {
        double angle = turn + 2 * M_PI * i / N, r = 1 + uniform(s, -rough, rough);
        px[i] = x + rx * r * cos(angle);
        py[i] = y + ry * r * sin(angle);
    }
    /* Catmull-Rom through the points, as cubic Beziers. */
    cairo.move_to(s->cairo, px[0], py[0]);
    for (int i = 0; i < N; i++) {
        int before = (i + N - 1) % N, next = (i + 1) % N, after = (i + 2) % N;
        cairo.curve_to(s->cairo, px[i] + (px[next] - px[before]) / 6, py[i] + (py[next] - py[before]) / 6,
                       px[next] - (px[after] - px[i]) / 6, py[next] - (py[after] - py[i]) / 6, px[next],
                       py[next]);
    }
    cairo.close_path(s->cairo);
}

spine spine_make(double x, double y, double angle, double length, double bend, double droop)
{
    spine p = {.length = length};
    double step = length / (SPINE_POINTS - 1);
    for (int i = 0; i < SPINE_POINTS; i++) {
        double t = (double)i / (SPINE_POINTS - 1);
        double heading = angle + bend * t * t;
        double dx = cos(heading), dy = sin(heading) + droop * t * t * 1.5;
        double norm = sqrt(dx * dx + dy * dy) + 1e-9;
        p.x[i] = x;
        p.y[i] = y;
        p.nx[i] = dy / norm;
        p.ny[i] = -dx / norm;
        x += step * dx / norm;
        y += step * dy / norm;
    }
    return p;
}

void strip_path(scene *s, const spine *p, const double *half, double a, double b)
{
    for (int i = 0; i < SPINE_POINTS; i++)
        cairo.line_to(s->cairo, p->x[i] + p->nx[i] * half[i] * a, p->y[i] + p->ny[i] * half[i] * a);
    for (int i = SPINE_POINTS - 1; i >= 0; i--)
        cairo.line_to(s->cairo, p->x[i] + p->nx[i] * half[i] * b, p->y[i] + p->ny[i] * half[i] * b);
    cairo.close_path(s->cairo);
}

void strip_line(scene *s, const spine *p, const double *half, double a, int from, int to, double width,
                colour c, double alpha)
{
    for (int i = from; i <= to; i++)
        cairo.line_to(s->cairo, p->x[i] + p->nx[i] * half[i] * a, p->y[i] + p->ny[i] * half[i] * a);
    cairo.set_line_width(s->cairo, width);
    use(s, c, alpha);
    cairo.stroke(s->cairo);
}

void draw_stem(scene *s, const spine *p, double w0, double w1, colour c)
{
    double half[SPINE_POINTS];
    for (int i = 0; i < SPINE_POINTS; i++)
        half[i] = w0 + (w1 - w0) * i / (SPINE_POINTS - 1);
    const int tip = SPINE_POINTS - 1;
    disc(s, p->x[0], p->y[0], w0, w0, 0, c, 1);
    disc(s, p->x[tip], p->y[tip], w1, w1, 0, shade(c, 0.9), 1);
    strip_path(s, p, half, -1, 1);
    use(s, c, 1);
    cairo.fill(s->cairo);
    bool lit_left = cos(s->place.light) * p->nx[tip / 2] + sin(s->place.light) * p->ny[tip / 2] > 0;
    strip_path(s, p, half, lit_left ? -1 : 1, lit_left ? -0.2 : 0.2);
    use(s, shade(c, 0.6), 0.5);
    cairo.fill(s->cairo);
    strip_path(s, p, half, lit_left ? 0.3 : -0.3, lit_left ? 0.6 : -0.6);
    use(s, shade(c, 1.8), 0.4);
    cairo.fill(s->cairo);
}

/* ---- textures: fractal value noise (Perlin, "An image synthesizer", 1985, with values for gradients) ----
 */

enum { LATTICE = 64 };

static float lattice_noise(const float *lattice, float x, float y)
{
    int fx = (int)x, fy = (int)y; /* x, y >= 0 */
    int ix = fx & (LATTICE - 1), iy = fy & (LATTICE - 1);
    int jx = (fx + 1) & (LATTICE - 1), jy = (fy + 1) & (LATTICE - 1);
    float tx = x - (float)fx, ty = y - (float)fy;
    tx = tx * tx * (3 - 2 * tx);
    ty = ty * ty * (3 - 2 * ty);
    const float *row = lattice + iy * LATTICE, *next = lattice + jy * LATTICE;
    float top = row[ix] + (row[jx] - row[ix]) * tx;
    float bottom = next[ix] + (next[jx] - next[ix]) * tx;
    return top + (bottom - top) * ty;
}

static uint32_t ramp(const texture *t, double v)
{
    v = clamp(0.5 + (v - 0.5) * t->contrast);
    colour c = v < 0.5 ? mix(t->low, t->middle, 2 * v) : mix(t->middle, t->high, 2 * v - 1);
    uint32_t r = (uint32_t)(255 * clamp(c.r) + 0.5), g = (uint32_t)(255 * clamp(c.g) + 0.5);
    return 0xff000000u | r << 16 | g << 8 | (uint32_t)(255 * clamp(c.b) + 0.5);
}

void fill_texture(scene *s, const texture *t)
{
    float lattice[LATTICE * LATTICE];
    uint32_t table[256];
    for (int i = 0; i < LATTICE * LATTICE; i++)
        lattice[i] = (float)(wn_random_next(&s->random) >> 40) * 0x1p-24f;
    for (int i = 0; i < 256; i++)
        table[i] = ramp(t, i / 255.0);
    float scale[5], weight[5], total = 0;
    for (int o = 0; o < t->octaves; o++) {
        scale[o] = (float)(1 << o);
        weight[o] = 1 / scale[o];
        total += weight[o];
    }
    float c = (float)cos(t->angle), n = (float)sin(t->angle);
    float per_x = (float)(1 / (t->grain_x * s->side)), per_y = (float)(1 / (t->grain_y * s->side));
    const float far = LATTICE * 64; /* keeps coordinates positive */
    cairo.surface_flush(s->surface);
    unsigned char *bytes = cairo.image_surface_get_data(s->surface);
    int stride = cairo.image_surface_get_stride(s->surface);
    for (int y = 0; y < (int)s->height; y++) {
        uint32_t *row = (uint32_t *)(void *)(bytes + (ptrdiff_t)y * stride);
        for (int x = 0; x < (int)s->width; x++) {
            float u = ((float)x * c + (float)y * n) * per_x + far,
                  v = ((float)y * c - (float)x * n) * per_y + far;
            float sum = 0;
            for (int o = 0; o < t->octaves; o++)
                sum += weight[o] * lattice_noise(lattice, u * scale[o] + 7 * (float)o, v * scale[o]);
            row[x] = table[(int)(255 * sum / total)];
        }
    }
    cairo.surface_mark_dirty(s->surface);
}
