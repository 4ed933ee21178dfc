/* SPDX-License-Identifier: Apache-2.0
 *
 * winnow import: somebody's pretrained weights, in any of the usual files, become a backbone to train from.
 */
#include "../src/convert/import.h"
#include "../src/runtime/file.h"
#include "commands.h"
#include "options.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *output, *mean, *std, *licence;
static int channels = -1;
static bool json;

static const char *const channel_names[] = {"rgb", "bgr", NULL};

static const option_row rows[] = {
    {"output", 'o', OPTION_TEXT, "FILE", "the backbone to write", &output},
    {"channels", 0, OPTION_CHOICE, NULL, "order that the network was trained with", &channels,
     .choices = channel_names},
    {"mean", 0, OPTION_TEXT, "A,B,C", "of x/255, in that order, e.g. 0.485,0.456,0.406", &mean},
    {"std", 0, OPTION_TEXT, "A,B,C", "likewise; the network sees (x/255 - mean)/std", &std},
    {"licence", 0, OPTION_TEXT, "TEXT", "of the weights, to be noted in the file", &licence},
    {"json", 0, OPTION_FLAG, NULL, "print what was found as JSON", &json},
    {0}};

static const options_usage usage = {
    "FILE -o BACKBONE.safetensors",
    "Turns pretrained weights into a backbone for `winnow train --backbone`. Reads what torch.save writes (a "
    "state_dict, or a checkpoint that holds one; nothing in it is ever run), safetensors, and ONNX, where "
    "the graph is matched and names do not matter. The "
    "network and its width follow from the tensors: MobileNetV2 with torchvision's or "
    "pytorch-mobilenet-v2's names, whatever prefix they have, or EfficientNet-Lite0 with "
    "efficientnet_pytorch's.\n"
    "How photos were normalised cannot be seen in weights. What is usual for the kind of file is assumed, "
    "and said; --channels, --mean and --std overrule it.",
    rows, 1, 1};

/* Reads "a,b,c", each above `least` (or any where least is -INFINITY). */
static bool read_three(const char *text, float least, float out[3])
{
    char rest;
    if (sscanf(text, "%f ,%f ,%f%c", &out[0], &out[1], &out[2], &rest) != 3)
        return false;
    for (int i = 0; i < 3; i++)
        if (!(out[i] > least && out[i] < 1000))
            return false;
    return true;
}

/* What the network expects where any of it was given: the rest is ImageNet's usual. */
static bool read_input(wn_input *input)
{
    *input = (wn_input){channels == 1, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, "as given"};
    if (mean && !read_three(mean, -1000, input->mean)) {
        output_usage("--mean: expected three numbers such as 0.485,0.456,0.406, not '%s'", mean);
        return false;
    }
    if (std && !read_three(std, 1e-4f, input->std)) {
        output_usage("--std: expected three numbers above 0.0001 such as 0.229,0.224,0.225, not '%s'", std);
        return false;
    }
    return true;
}

static json_t *three(const float value[3])
{
    return json_pack("[o,o,o]", output_real(value[0]), output_real(value[1]), output_real(value[2]));
}

static int print(const wn_import_result *result)
{
    const wn_network *network = &result->identity.network;
    const wn_input *input = &result->input;
    if (json)
        return output_json(json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "backbone", output,
                                     "format", result->format, "network", network->architecture->name,
                                     "width", output_real(network->width), "embedding",
                                     result->has_embedding ? json_integer(network->embedding) : json_null(),
                                     "channels", input->bgr ? "BGR" : "RGB", "mean", three(input->mean),
                                     "std", three(input->std), "sha256", result->sha256));
    printf("%s %g from a %s file, names as in %s\n", network->architecture->name, (double)network->width,
           result->format, result->identity.scheme);
    if (result->has_embedding)
        printf("embedding   %d, kept\n", network->embedding);
    printf("input       %s, mean %g %g %g, std %g %g %g (%s)\n", input->bgr ? "BGR" : "RGB",
           (double)input->mean[0], (double)input->mean[1], (double)input->mean[2], (double)input->std[0],
           (double)input->std[1], (double)input->std[2], input->origin);
    if (result->folded)
        printf("norms       folded: good for a frozen backbone; training every layer needs a file that has "
               "them\n");
    printf("sha256      %s\n", result->sha256);
    printf("written to  %s\n", output);
    return STATUS_DONE;
}

int command_import(int argc, char **argv)
{
    char **operands;
    int status = options_read(&usage, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (!output)
        return output_usage("expected -o BACKBONE.safetensors, the file to write");
    if ((status = output_check_name(output, "backbone")) >= 0)
        return status;
    if (wn_same_file(operands[0], output))
        return output_usage("-o %s is the file that is read; name another one", output);
    const bool given = channels >= 0 || mean || std;
    wn_input input;
    if (given && !read_input(&input))
        return STATUS_USAGE;
    wn_import_result result;
    winnow_error error;
    if (wn_import(operands[0], output, given ? &input : NULL, licence, &result, &error))
        return output_failure(&error);
    return print(&result);
}
