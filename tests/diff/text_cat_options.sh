# cat: several files, standard input as "-", numbering, showing ends and tabs.
printf 'one\ntwo\n' >a
printf 'three\t3\n\nfour' >b
cat a b
echo
echo middle | cat a - b
echo
cat -n a
cat -A b
echo
cat a missing b
echo "status $?"
