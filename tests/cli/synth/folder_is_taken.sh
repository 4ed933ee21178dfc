winnow synth pictures --count 1 --size 32 >/dev/null
winnow synth pictures --count 1 --size 32
