winnow hlep
