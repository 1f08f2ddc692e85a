# head and tail by lines and bytes, from the start and from the end.
seq 20 >f
head f
echo --
head -n 3 f
echo --
head -c 7 f
echo --
head -n -17 f
echo --
tail -n 3 f
echo --
tail -n +18 f
echo --
tail -c 6 f
seq 5 | tail -n 2
head -n 1 f missing
echo "status $?"
