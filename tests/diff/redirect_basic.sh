# Output, appending, input, both at once, to and from /dev/null.
echo one >f
echo two >>f
cat <f
wc -l <f >n
cat n
ls missing 2>e
cat e
echo gone >/dev/null
cat </dev/null
echo "status $?"
>empty
[ -s empty ] || echo 'empty'
<f cat >g
cmp f g && echo same
