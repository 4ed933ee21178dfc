winnow --help >help
for way in -h help 'help help'; do
    winnow $way | cmp - help && echo "winnow $way: the same"
done
winnow 2>no_command
status=$?
cmp help no_command && echo "winnow alone: the same, to standard error"
exit $status
