winnow synth a --quality 101
