# Traps for signals, for exit, ignored and reset ones.
trap 'echo usr1' USR1
kill -USR1 $$
echo after
trap '' USR1
kill -USR1 $$
echo ignored
trap - USR1
trap 'echo exit trap' EXIT
(trap 'echo sub exit' EXIT; exit 2)
echo "status $?"
trap 'echo int; exit 5' INT
kill -INT $$
echo not reached
