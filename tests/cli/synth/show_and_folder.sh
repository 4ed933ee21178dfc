winnow synth b --show-augment a -o sheet.jpg
