# /proc/self is the process that looks.
[ "$(/bin/busybox cat /proc/self/comm)" = busybox ] && echo own
[ "$(readlink /proc/self)" = $$ ] || echo other
awk '{ print (NF > 20) }' /proc/self/stat
grep -c ^VmRSS /proc/self/status
[ "$(/bin/busybox wc -l </proc/$$/maps)" -gt 3 ] && echo maps
cd /proc/self && [ "$(cat comm)" = busybox ] && echo shell
