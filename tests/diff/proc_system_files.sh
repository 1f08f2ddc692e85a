# What the system tells of itself in /proc.
[ "$(grep -c ^MemTotal: /proc/meminfo)" = 1 ] && echo meminfo
awk '/^MemTotal/ { t = $2 } /^MemFree/ { f = $2 } END { print (f > 0 && f < t) }' /proc/meminfo
awk '{ print NF, ($1 > 0) }' /proc/uptime
awk '{ print NF }' /proc/loadavg
grep -c ^cpu0 /proc/stat
grep -c '^processor.*: 0' /proc/cpuinfo
[ "$(grep -c proc /proc/mounts)" -gt 0 ] && echo mounts
grep -c ^Linux /proc/version
cat /proc/missing
echo "status $?"
mkdir /proc/x 2>/dev/null
echo "status $?"
