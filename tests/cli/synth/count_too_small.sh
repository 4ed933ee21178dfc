winnow synth a --count 0
