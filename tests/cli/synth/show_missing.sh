winnow synth --show-augment nowhere -o sheet.jpg
