WINNOW_CPU=avx3 winnow --version
