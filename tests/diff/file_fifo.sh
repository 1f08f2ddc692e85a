# A FIFO between two processes; open waits for the other side.
mkfifo p
stat -c %F p
(echo through; echo twice) >p &
cat p
wait
(cat <p >out) &
echo word >p
wait
cat out
mkfifo p
echo "status $?"
exec 3<>p
echo kept >&3
read -r x <&3
echo "$x"
