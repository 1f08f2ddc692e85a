# ps lists this shell and its parts.
/bin/busybox sleep 33 &
ps >out
grep -c '[s]leep 33' out
ps -o pid,comm >out
[ "$(wc -l <out)" -gt 2 ] && grep -c "^ *$! " out
kill $!
pidof no_such_program
echo "status $?"
