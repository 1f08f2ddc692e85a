# A patch is made, applied, and undone.
printf 'a\nb\nc\n' >f
cp f old
printf 'a\nX\nc\nd\n' >new
diff -u old new | sed 's/^\(---\|+++\) \([a-z]*\).*/\1 f/' >p
patch <p
cat f
patch -R <p
cmp f old && echo same
