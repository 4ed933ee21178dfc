# Each command of the list answers to --help, with status 0 and nothing on standard error.
winnow --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >commands
grep -q help commands || echo "no commands found"
while read -r command; do
    winnow "$command" --help >help || echo "winnow $command --help: status $?"
    grep -q '^usage: winnow' help || echo "winnow $command --help: no usage line"
done <commands
