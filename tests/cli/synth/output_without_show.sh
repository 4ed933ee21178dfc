winnow synth a -o sheet.jpg
