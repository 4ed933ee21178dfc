/* SPDX-License-Identifier: Apache-2.0
 *
 * Flat things that fill the picture: text, stripes, checks, tiles, planks, cloth, shapes. Stripes and planks
 * have the crop's parallel lines without its blades. */
#include "subject.h"

#include <math.h>

/* Two to four strokes on a grid of 3 x 5: no letter of any script, but with the look of one. */
static void draw_glyph(scene *s, double x, double y, double size, colour ink)
{
    int strokes = 2 + choose(s, 3);
    for (int i = 0; i < strokes; i++) {
        double x0 = x + choose(s, 3) * size * 0.25, y0 = y + choose(s, 3) * size * 0.4;
        if (chance(s, 0.3)) {
            cairo.arc(s->cairo, x + size * 0.25, y + size * 0.55, size * 0.25, uniform(s, 0, 3),
                      uniform(s, 3, 6.3));
            cairo.set_line_width(s->cairo, size * 0.13);
            use(s, ink, 1);
            cairo.stroke(s->cairo);
        } else {
            bool upright = chance(s, 0.6);
            line(s, x0, y0, x0 + (upright ? 0 : size * 0.4), y0 + (upright ? size * 0.8 : 0), size * 0.13,
                 ink, 1);
        }
    }
}

static void draw_text(scene *s)
{
    double size = s->side * uniform(s, 0.035, 0.3);
    colour paper = chance(s, 0.4) ? any_paint(s) : hsv(40, uniform(s, 0, 0.15), uniform(s, 0.8, 1));
    colour ink = chance(s, 0.7) ? shade(paper, 0.2) : any_paint(s);
    if (chance(s, 0.7)) {
        double margin = s->side * uniform(s, -0.2, 0.12);
        box(s, margin, margin, s->width - 2 * margin, s->height - 2 * margin, paper);
    }
    for (double y = s->side * 0.1; y < s->height * 0.9; y += size * 1.7) {
        double end = s->width * uniform(s, 0.5, 0.95);
        for (double x = s->side * 0.1; x < end; x += size * (chance(s, 0.15) ? 1.3 : 0.75))
            draw_glyph(s, x, y, size, ink);
    }
}

/* Straight or waving stripes: cloth, blinds, fences, corrugated iron. */
static void draw_stripes(scene *s)
{
    double pitch = s->side * uniform(s, 0.02, 0.2), share = uniform(s, 0.2, 0.7),
           reach = s->width + s->height;
    double wave = chance(s, 0.3) ? pitch * uniform(s, 0.3, 1) : 0, sway = uniform(s, 3, 20);
    colour a = any_paint(s), b = any_paint(s);
    bool gaps = chance(s, 0.35); /* the ground shows between */
    cairo.save(s->cairo);
    cairo.translate(s->cairo, s->width / 2, s->height / 2);
    cairo.rotate(s->cairo, uniform(s, 0, M_PI));
    if (!gaps)
        box(s, -reach, -reach, 2 * reach, 2 * reach, a);
    for (double y = -reach * 0.55; y < reach * 0.55; y += pitch) {
        for (int i = 0; i <= 24; i++)
            cairo.line_to(s->cairo, reach * (i / 24.0 - 0.5) * 1.2, y + wave * sin(sway * i / 24.0));
        cairo.set_line_width(s->cairo, pitch * share);
        use(s, shade(b, uniform(s, 0.85, 1.1)), 1);
        cairo.stroke(s->cairo);
    }
    cairo.restore(s->cairo);
}

static void draw_tiles(scene *s)
{
    double size = s->side * uniform(s, 0.06, 0.3), gap = size * uniform(s, 0, 0.12);
    colour a = any_paint(s), b = chance(s, 0.5) ? any_paint(s) : a;
    for (int row = -3; row * size < s->height * 1.3; row++)
        for (int column = -3; column * size < s->width * 1.3; column++)
            box(s, column * size, row * size, size - gap, size - gap,
                shade((row + column) % 2 ? b : a, uniform(s, 0.9, 1.08)));
}

static void draw_planks(scene *s)
{
    double width = s->side * uniform(s, 0.08, 0.35);
    colour wood =
        chance(s, 0.4) ? any_paint(s) : hsv(uniform(s, 18, 42), uniform(s, 0.2, 0.6), uniform(s, 0.3, 0.8));
    bool upright = chance(s, 0.5);
    cairo.save(s->cairo);
    if (upright) {
        cairo.translate(s->cairo, s->width, 0);
        cairo.rotate(s->cairo, M_PI / 2);
    }
    double reach = s->width + s->height;
    for (double y = -s->side * 0.3; y < reach; y += width) {
        colour plank = shade(wood, uniform(s, 0.8, 1.15));
        box(s, -s->side * 0.3, y, reach * 1.3, width * 0.96, plank);
        for (int i = 0; i < 5; i++) {
            double gy = y + width * uniform(s, 0.1, 0.9);
            cairo.move_to(s->cairo, -s->side * 0.3, gy);
            cairo.curve_to(s->cairo, reach * 0.2, gy + width * 0.1, reach * 0.4, gy - width * 0.1, reach, gy);
            cairo.set_line_width(s->cairo, fmax(0.5, width * 0.02));
            use(s, shade(plank, 0.6), 0.6);
            cairo.stroke(s->cairo);
        }
        if (chance(s, 0.4))
            disc(s, reach * uniform(s, 0, 0.6), y + width / 2, width * 0.2, width * 0.1, 0,
                 shade(plank, 0.45), 1);
    }
    cairo.restore(s->cairo);
}

static void draw_cloth(scene *s)
{
    colour c = any_paint(s);
    fill_texture(s, &(texture){shade(c, 0.4), c, shade(c, 1.4), uniform(s, 0.1, 0.6), uniform(s, 0.08, 0.3),
                               uniform(s, 0, M_PI), 3, uniform(s, 1, 2.5)});
    int dots = chance(s, 0.5) ? 7 : 0;
    colour dot = any_paint(s);
    for (int row = 0; row < dots; row++)
        for (int column = 0; column < dots; column++)
            disc(s, s->width * (column + 0.5 * (row % 2)) / dots, s->height * (row + 0.5) / dots,
                 s->side * 0.03, s->side * 0.03, 0, dot, 1);
}

static void draw_shapes(scene *s)
{
    int count = 3 + choose(s, 12);
    for (int i = 0; i < count; i++) {
        double x = uniform(s, 0, s->width), y = uniform(s, 0, s->height), r = s->side * uniform(s, 0.05, 0.3);
        double turn = uniform(s, 0, 2 * M_PI);
        int corners = 3 + choose(s, 5);
        for (int k = 0; k < corners; k++)
            cairo.line_to(s->cairo, x + r * cos(turn + 2 * M_PI * k / corners),
                          y + r * sin(turn + 2 * M_PI * k / corners));
        cairo.close_path(s->cairo);
        colour c = any_paint(s);
        if (chance(s, 0.6)) {
            fill_lit(s, c, x, y, r);
        } else {
            cairo.set_line_width(s->cairo, r * uniform(s, 0.05, 0.3));
            use(s, c, 1);
            cairo.stroke(s->cairo);
        }
    }
}

void draw_pattern(scene *s)
{
    static void (*const patterns[])(scene *) = {draw_text,   draw_text,  draw_stripes, draw_tiles,
                                                draw_planks, draw_cloth, draw_shapes};
    patterns[choose(s, 7)](s);
}
