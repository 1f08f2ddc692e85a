# tar: create, list, extract, permissions, links, excluded files.
mkdir -p d/e
echo one >d/a
echo two >d/e/b
ln d/a d/hard
ln -s a d/soft
chmod 640 d/a
tar cf t.tar d
tar tf t.tar | sort
mkdir out
tar xf t.tar -C out
cat out/d/e/b
readlink out/d/soft
stat -c '%a %h' out/d/a
[ out/d/a -ef out/d/hard ] && echo linked
tar cf - d/e | tar tf - | sort
tar xf missing.tar
echo "status $?"
printf garbage | tar tf -
echo "status $?"
