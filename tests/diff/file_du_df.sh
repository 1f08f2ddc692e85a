# du adds up; truncate gives room back.
mkdir d
dd if=/dev/zero of=d/a bs=65536 count=16 2>/dev/null
dd if=/dev/zero of=d/b bs=65536 count=16 2>/dev/null
[ "$(du -sk d | cut -f1)" -ge 2048 ] && echo 2M
: >d/a
[ "$(du -sk d | cut -f1)" -lt 2048 ] && echo less
