winnow synth pictures --count 1 --size 32 --json
