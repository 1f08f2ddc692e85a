# find: names, kinds, sizes, depth, actions, pruning.
mkdir -p a/b/c
touch a/1.txt a/b/2.txt a/b/c/3.dat
ln -s 1.txt a/l
dd if=/dev/zero of=a/big bs=1024 count=20 2>/dev/null
find a | sort
find a -name '*.txt' | sort
find a -type d | sort
find a -type l
find a -size +10k -type f
find a -maxdepth 1 | sort
find a -mindepth 2 -type f | sort
find a -path a/b -prune -o -type f -print | sort
find a -name '*.dat' -exec echo found {} \;
find a -name '*.txt' -exec echo {} + | tr ' ' '\n' | sort
find a -empty | sort
find a -name '*.txt' -exec rm {} +
find a -name '*.txt'
find missing
echo "status $?"
