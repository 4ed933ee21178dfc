winnow help sing
