# Two descriptors made by one open share the offset; two opens do not.
(echo one; echo two) >f
cat f
{ echo 11; echo 22; } >g
cat g
exec 3>h 4>&3
echo a >&3
echo b >&4
echo c >&3
cat h
exec 5>i 6>i
echo longer text >&5
echo xy >&6
cat i
(echo 1; sh -c 'echo 2'; echo 3) >j
cat j
