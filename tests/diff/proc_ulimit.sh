# Limits are told, lowered and inherited.
ulimit -n 64
ulimit -n
sh -c 'ulimit -n'
(ulimit -n 10; sh -c 'exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null 8</dev/null 9</dev/null; cat /dev/null; echo "status $?"')
ulimit -c
ulimit -f 2
dd if=/dev/zero of=f bs=512 count=8 2>/dev/null
echo "status $?"
wc -c <f
