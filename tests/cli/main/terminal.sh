# On a terminal: a progress bar that is gone in the end, and colours unless NO_COLOR says otherwise.
script -qec true /dev/null >/dev/null 2>&1 || exit 77
export TERM=xterm
script -qec 'winnow synth pictures --count 150 --size 128 >/dev/null' /dev/null | tr '\r' '\n' >seen
grep -q '^synth  \[=*> *\] *[0-9]*%  [0-9]*/675 pictures  [0-9.]*/s  [0-9]*:[0-9][0-9] left' seen && echo "a bar"
tail -n 1 seen | tr -d '\033' # what takes the bar away
printf '\n'
count_escapes() {
    tr -cd '\033' | wc -c | tr -d ' '
}
script -qec 'winnow synth' /dev/null | count_escapes
NO_COLOR=1 script -qec 'winnow synth' /dev/null | count_escapes
TERM=dumb script -qec 'winnow synth' /dev/null | count_escapes
winnow synth 2>&1 | count_escapes
