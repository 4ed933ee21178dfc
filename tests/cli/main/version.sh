winnow --version
