winnow synth a --size 256x5000
