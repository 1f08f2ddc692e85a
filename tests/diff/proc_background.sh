# Background commands, wait for one and for all, $!, their statuses.
(exit 3) &
wait $!
echo "status $?"
sh -c 'exit 4' &
a=$!
sh -c 'exit 5' &
b=$!
wait $b
echo "b $?"
wait $a
echo "a $?"
sleep 0.1 &
wait
echo "all $?"
wait 999999
echo "status $?"
for i in 1 2 3 4 5; do (echo $i >f$i) & done
wait
cat f1 f2 f3 f4 f5
