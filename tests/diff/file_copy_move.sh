# cp, mv and rm of files and directories.
echo one >a
cp a b
cmp a b && echo same
mv b c
ls
mkdir d
cp a c d
ls d
cp -r d e
diff -r d e && echo same
mv d e
ls e
rm c
rm missing
echo "status $?"
rm -f missing
echo "status $?"
rm e
echo "status $?"
rm -r e
ls
cp missing x
echo "status $?"
cp a a
echo "status $?"
mv a /missing/x
echo "status $?"
