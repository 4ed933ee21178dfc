winnow synth pictures --count 1 --size 64 >/dev/null
winnow synth --show-augment pictures/train -o nowhere/sheet.jpg
