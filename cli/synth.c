/* SPDX-License-Identifier: Apache-2.0
 *
 * winnow synth: built-in pictures for the demo and the tests, and a look at what augmentation does to photos.
 */
#include "synth.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <stddef.h>

static synth_options given = {.count = 300, .size = {256, 256}, .quality = 90, .seed = 1};
static int augment = WN_AUGMENT_PHONE;
static const char *show, *output;

static const option_row rows[] = {
    {"count", 'n', OPTION_INTEGER, "N", "pictures of each kind to train on; half as many again to test with",
     &given.count, 1, 100000},
    {"size", 0, OPTION_SIZE, "WxH", "of a picture", given.size, 32, 4096},
    {"quality", 0, OPTION_INTEGER, "Q", "of the JPEG files", &given.quality, 1, 100},
    {"seed", 0, OPTION_SEED, "S", "other pictures for every number", &given.seed},
    {"show-augment", 0, OPTION_TEXT, "PATH",
     "instead: show what augmentation makes of this photo, or of some of this folder", &show},
    {"augment", 0, OPTION_CHOICE, NULL, "with --show-augment: what is varied", &augment,
     .choices = wn_augment_names},
    {"output", 'o', OPTION_TEXT, "FILE", "with --show-augment: the sheet to write, a JPEG", &output},
    {"json", 0, OPTION_FLAG, NULL, "print what was written as JSON", &given.json},
    {0}};

static const options_usage usage = {"[options] DIR | --show-augment PATH -o SHEET.jpg",
                                    "Draws the built-in pictures into DIR/train and DIR/test: `normal` is a "
                                    "rice-like crop, with a folder for each "
                                    "plot; `lookalike` is other plants; `other` is everything else. Training "
                                    "and testing share no plot. The same seed "
                                    "gives the same pictures.\n"
                                    "With --show-augment, writes a sheet on which each row is a photo, as it "
                                    "is and as training might see it.",
                                    rows, 0, 1};

int command_synth(int argc, char **argv)
{
    char **operands;
    int status = options_read(&usage, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (show && operands[0])
        return output_usage("--show-augment takes no DIR, but '%s' was given", operands[0]);
    if (show && !output)
        return output_usage("--show-augment: expected -o SHEET.jpg to write to");
    if (show)
        return synth_show_augment(show, output, (wn_augment_kind)augment, &given);
    if (!operands[0])
        return output_usage("expected: winnow synth %s", usage.operands);
    if (output)
        return output_usage("--output goes with --show-augment; pictures go to '%s'", operands[0]);
    return synth_draw(operands[0], &given);
}
