# The devices that every program knows.
echo x >/dev/null && echo null
wc -c </dev/null
head -c 100000 /dev/zero | tr -d '\000' | wc -c
echo x >/dev/full
echo "status $?"
[ "$(head -c 16 /dev/urandom | od -An -tx1)" != "$(head -c 16 /dev/urandom | od -An -tx1)" ] && echo random
head -c 1000 /dev/urandom | wc -c
stat -c '%F %t %T' /dev/null /dev/zero /dev/full
ls -l /dev/null | cut -c1
mknod n c 1 3
echo gone >n && echo node
(echo out >/dev/stdout) | cat
(echo err >/dev/stderr) 2>&1 | cat
echo in | cat /dev/stdin
echo fd | cat /dev/fd/0
echo x </dev/tty
echo "status $?"
