mkdir empty
winnow synth --show-augment empty -o sheet.jpg
