winnow synth pictures --count 4 --size 64x48
find pictures -type f | sort
