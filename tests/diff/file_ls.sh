# ls: sorted, hidden, classified, one a line, reversed, by size and time.
touch b a .h
mkdir d
ln -s a l
printf 12345 >s
ls
ls -a
ls -A
ls -F
ls -1r
ls -S a b s
touch -d '2001-01-01 00:00' old
ls -t | tail -n 1
ls -l s | awk '{ print $1, $2, $5, $9 }'
ls -ld d | cut -c1-10
ls -l l | awk '{ print $1, $9, $10, $11 }'
ls missing
echo "status $?"
ls -i a b | awk '$1 > 0 { print $2 }'
