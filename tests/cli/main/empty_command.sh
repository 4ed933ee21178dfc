winnow ''
