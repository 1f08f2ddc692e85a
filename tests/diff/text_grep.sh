# grep: patterns, options and its three statuses.
printf 'alpha\nBeta\ngamma 42\nbeta.\n\n' >f
grep a f
echo --
grep -i beta f
grep -c a f
grep -n '^g' f
grep -v a f
echo --
grep -w gamma f
grep -x alpha f
grep -F 'a.' f
grep -E 'a{1}l|[0-9]+' f
grep -o '[0-9]*' f
grep -l alpha f
grep -q nothing f
echo "status $?"
grep x missing
echo "status $?"
grep -e alpha -e gamma f
printf 'alpha\n' >p
grep -f p f
grep -A1 alpha f
grep -B1 gamma f
