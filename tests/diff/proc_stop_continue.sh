# A stopped process does nothing until it is continued.
mkfifo fifo
sh -c 'echo $$ >pid; read -r x <fifo; echo "read $x"' &
while [ ! -s pid ]; do sleep 0.01; done
p=$(cat pid)
kill -STOP "$p"
sleep 0.05
grep -c 'State:.T' "/proc/$p/status"
(echo word >fifo) &
sleep 0.1
kill -CONT "$p"
wait
echo done
