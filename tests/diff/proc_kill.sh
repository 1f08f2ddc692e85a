# Processes ended by signals, and what wait says.
for s in TERM KILL HUP INT USR1; do
    sh -c 'while :; do sleep 1; done' &
    p=$!
    kill -$s $p
    wait $p 2>/dev/null
    echo "$s $?"
done
kill -0 $$ && echo alive
sleep 100 &
p=$!
kill $p
wait $p 2>/dev/null
kill -0 $p 2>/dev/null
echo "gone $?"
kill -l 9
kill -l TERM
kill -NOSUCH $$
echo "status $?"
kill -TERM 999999
echo "status $?"
