# dd: counts, skip, seek, no truncation, padding.
seq 100 >f
dd if=f of=g bs=10 count=3 2>/dev/null
cat g
echo
dd if=f bs=1 skip=5 count=8 2>/dev/null
echo
cp f h
printf XXX | dd of=h bs=1 seek=2 conv=notrunc 2>/dev/null
head -n 3 h
dd if=/dev/zero bs=512 count=4 2>/dev/null | wc -c
printf ab | dd bs=8 conv=sync 2>/dev/null | od -An -c
dd if=missing
echo "status $?"
dd if=f of=part.1 bs=128 count=1 2>/dev/null
dd if=f of=part.2 bs=128 skip=1 2>/dev/null
cat part.1 part.2 | cmp - f && echo same
