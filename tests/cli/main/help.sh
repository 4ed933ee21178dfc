# The list of commands itself is left out: it grows.
winnow --help | sed '/^commands:/,/^$/d'
