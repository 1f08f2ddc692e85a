# What stat tells.
printf 12345 >f
stat -c '%n %s %F %h %u %g' f
mkdir d
stat -c '%F' d
ln -s f l
stat -c '%F %s' l
stat -L -c '%F %s' l
stat -c %F /dev/null
stat missing
echo "status $?"
stat -c '%a %A' /tmp
stat -f -c %T /proc
stat -c '%i' f >i1
mv f g
stat -c '%i' g >i2
cmp i1 i2 && echo inode
