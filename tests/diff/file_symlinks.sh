# Symbolic links: relative, absolute, dangling, in circles, through directories.
echo text >f
ln -s f l
cat l
readlink l
ln -s "$PWD/f" abs
cat abs
ln -s gone dangling
cat dangling
echo "status $?"
echo made >dangling
cat gone
ln -s b a
ln -s a b
cat a
echo "status $?"
mkdir d
echo inner >d/x
ln -s d dl
cat dl/x
ls dl
ls -d dl
rm dl
ls d
ln -s f l
echo "status $?"
ln -sf d/x l
cat l
realpath l
readlink -f abs
rm l
cat f
