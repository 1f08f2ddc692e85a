# Scripts with #!: interpreter, argument, nested, missing, not executable.
printf '#!/bin/sh\necho "sh: $0 $*"\n' >a
printf '#!/bin/busybox cat\ntext\n' >b
printf '#! /bin/sh -e\nfalse\necho never\n' >c
printf '#!./a arg\n' >d
printf '#!/missing/interpreter\n' >e
printf 'echo no line\n' >f
chmod +x a b c d e f
./a 1 2
./b
./c
echo "status $?"
./d x
./e
echo "status $?"
./f
PATH=$PWD:$PATH
a from path
printf '#!/bin/sh\nexec ./a nested' >g
chmod +x g
./g
