# A signal to a process group reaches all of it.
setsid sh -c 'sleep 100 & sleep 100 & echo $$ >leader; wait' &
while [ ! -s leader ]; do sleep 0.01; done
g=$(cat leader)
kill -TERM -"$g"
wait
sleep 0.05
kill -0 -"$g" 2>/dev/null
echo "group gone $?"
