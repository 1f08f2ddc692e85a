# A hole reads as zeros and takes no room.
dd if=/dev/null of=f bs=1 seek=1048576 2>/dev/null
wc -c <f
tr -d '\000' <f | wc -c
printf end | dd of=f bs=1 seek=2097152 conv=notrunc 2>/dev/null
wc -c <f
tail -c 3 f
echo
[ "$(du -k f | cut -f1)" -lt 512 ] && echo sparse
truncate -s 10 f
wc -c <f
truncate -s 100 f
od -An -c f | head -n 2
