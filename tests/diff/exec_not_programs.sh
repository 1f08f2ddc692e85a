# Files that are no programs: text without #!, damaged ELF, empty, a directory.
printf '\177ELF' >short
printf '\177ELF\002\001\001%0100d' 0 >junk
: >empty
head -c 2000 /bin/busybox >cut
mkdir dir
chmod +x short junk empty cut
for f in ./short ./junk ./cut ./dir; do
    $f 2>/dev/null
    [ $? -ge 126 ] && echo "$f refused"
done
./empty
echo "empty $?"
