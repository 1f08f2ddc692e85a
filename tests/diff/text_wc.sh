# wc: lines, words, bytes, the longest line, several files and a total.
printf 'one two\nthree\n' >a
printf 'no newline' >b
wc a b
wc -l a
wc -w <a
wc -c <b
wc -L a
cat a b | wc
wc missing
echo "status $?"
