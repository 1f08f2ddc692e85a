# Another user is held by the rights; root is not.
echo secret >s
chmod 600 s
mkdir closed
echo x >closed/f
chmod 700 closed
mkdir open
chmod 777 open
chmod 755 .
asuser 65534 cat s
echo "status $?"
asuser 65534 cat closed/f
echo "status $?"
asuser 65534 sh -c 'echo y >open/mine; cat open/mine'
stat -c %u open/mine
asuser 65534 touch here
echo "status $?"
asuser 65534 chmod 777 s
echo "status $?"
asuser 65534 rm -f s
echo "status $?"
asuser 65534 kill -TERM $$ 2>/dev/null
echo "status $?"
chmod 000 s
cat s
asuser 65534 id -u
