# mkdir, rmdir, their options and errors.
mkdir a
mkdir a
echo "status $?"
mkdir -p a/b/c a/b
mkdir x/y
echo "status $?"
mkdir -m 700 p
stat -c %a p
rmdir a
echo "status $?"
rmdir -p a/b/c
ls
rmdir missing
echo "status $?"
touch f
rmdir f
echo "status $?"
mkdir f/g
echo "status $?"
mkdir d && cd d && rmdir .
echo "status $?"
