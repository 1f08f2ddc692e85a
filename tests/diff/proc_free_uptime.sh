# free, uptime, mount, nproc and id run and say something sensible.
free | awk 'NR == 2 { print $1, ($2 > 0), ($3 > 0) }'
uptime | grep -c 'load average'
mount | grep -c ' on /proc type proc'
[ "$(nproc)" -ge 1 ] && echo nproc
id -u
id -g
whoami
uname -s
uname -m
tty
echo "status $?"
