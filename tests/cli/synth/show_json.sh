winnow synth pictures --count 1 --size 64 >/dev/null
winnow synth --show-augment pictures/test/other/000.jpg -o sheet.jpg --json
