winnow synth --show-augment a
