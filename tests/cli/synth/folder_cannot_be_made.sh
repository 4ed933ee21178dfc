: >file
winnow synth file/pictures --count 1 --size 32
