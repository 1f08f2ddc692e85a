# cmp: equal, different, shorter, silent.
printf abcdef >1
printf abXdef >2
printf abc >3
cmp 1 1
echo "status $?"
cmp 1 2
echo "status $?"
cmp 1 3
echo "status $?"
cmp -s 1 2
echo "status $?"
cmp -l 1 2
