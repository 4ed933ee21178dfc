# A result that cannot be written is not a success.
[ -c /dev/full ] || exit 77
winnow --help >/dev/full
