# rename over files and directories, and what refuses it.
echo 1 >a
echo 2 >b
mv a b
cat b
mkdir d e
mv d e
ls e
mkdir x y
touch y/full
mv -T x y
echo "status $?"
mkdir p q
mv -T p q && ls -d p q
mv q q/sub
echo "status $?"
ln -s b l
mv l m
readlink m
