# sort: by text, number, key, reversed, unique, stable, month, and a check.
printf '%s\n' pear fig Apple fig banana >f
sort f
echo --
sort -u f
echo --
sort -r f
echo --
printf '%s\n' 10 9 -3 2.5 100 >n
sort -n n
echo --
sort -rn n
echo --
printf 'b:2\na:10\nc:1\n' | sort -t: -k2 -n
echo --
printf 'x 1\ny 1\na 1\n' | sort -s -k2,2
sort -c f
echo "status $?"
sort f | sort -c && echo sorted
