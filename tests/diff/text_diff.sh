# diff: equal, different, context of lines, only brief, directories.
printf 'a\nb\nc\nd\n' >1
printf 'a\nB\nc\nd\ne\n' >2
diff 1 1
echo "status $?"
diff -U1 1 2 | tail -n +3
diff -q 1 2
echo "status $?"
mkdir x y
cp 1 x/f
cp 2 y/f
cp 1 y/g
diff -rq x y
diff missing 1
echo "status $?"
