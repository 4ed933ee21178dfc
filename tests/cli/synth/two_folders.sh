winnow synth a b
