winnow synth a --cuont 3
