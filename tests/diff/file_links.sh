# Hard links: one file under several names.
echo text >a
ln a b
stat -c %h a
echo more >>b
cat a
rm a
cat b
stat -c %h b
ln missing c
echo "status $?"
ln b b
echo "status $?"
mkdir d
ln d e
echo "status $?"
ln b d/x
[ b -ef d/x ] && echo same
