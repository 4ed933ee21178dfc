winnow synth
