winnow sing
