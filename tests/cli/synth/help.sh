winnow synth --help
