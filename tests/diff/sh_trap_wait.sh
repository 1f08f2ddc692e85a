# A signal ends the built-in wait, the trap runs, wait tells the signal.
trap 'echo got' USR1
(sleep 0.2; kill -USR1 $$) &
sleep 60 &
wait $!
echo "status $?"
kill $!
wait $! 2>/dev/null
echo "status $?"
