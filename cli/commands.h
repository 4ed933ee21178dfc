/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands: one line a command, in the order of `winnow --help`. X(synth, "...") stands for
 * `int command_synth(int argc, char **argv)` in cli/synth.c, which is called with argv[0] = "synth" and
 * returns an exit status (cli/output.h). The table holds only what exists. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* clang-format off */
#define COMMANDS(X) \
    X(audit, "look for photos that would spoil a training") \
    X(train, "learn from photos, and write a gate") \
    X(eval, "measure a gate on photos that it never saw") \
    X(check, "judge photos") \
    X(learn, "add a few photos to a gate, in seconds") \
    X(calibrate, "keep a gate's promise on a new camera") \
    X(info, "show all that a file knows") \
    X(export, "write a gate as a file for another runtime") \
    X(verify, "compare an exported file with its gate on photos") \
    X(quantize, "make a gate smaller and faster: numbers of one byte") \
    X(bench, "measure how fast a gate is here") \
    X(serve, "serve the camera page for browsers") \
    X(synth, "draw the built-in pictures, or show what augmentation does to photos") \
    X(import, "turn pretrained weights (PyTorch, safetensors, ONNX) into a backbone") \
    X(backbone, "list, fetch or find the backbone that training starts from") \
    X(help, "say what a command does, and its options")
/* clang-format on */

#define DECLARE(name, summary) int command_##name(int argc, char **argv);
COMMANDS(DECLARE)
#undef DECLARE

#endif
