# mktemp gives new names each time.
a=$(mktemp)
b=$(mktemp)
[ -f "$a" ] && [ "$a" != "$b" ] && echo files
stat -c %a "$a"
d=$(mktemp -d)
[ -d "$d" ] && echo directory
c=$(mktemp -p . x.XXXXXX)
[ -f "$c" ] && echo "${#c}"
rm -r "$a" "$b" "$d"
