# test and [: strings, numbers, files.
[ a = a ] && [ a != b ] && [ -z '' ] && [ -n x ] && echo strings
[ 1 -lt 2 ] && [ 2 -ge 2 ] && [ 1 -ne 2 ] && echo numbers
touch f
mkdir d
ln -s f l
ln -s gone dangling
[ -e f ] && [ -f f ] && [ -d d ] && [ -L l ] && [ ! -e dangling ] && [ -h dangling ] && echo kinds
[ -r f ] && [ -w f ] && [ ! -x f ] && [ -x d ] && echo rights
[ ! -s f ] && echo x >f && [ -s f ] && echo size
mkfifo p && [ -p p ] && echo fifo
[ -c /dev/null ] && echo device
touch -d '2020-01-01 00:00' old
touch -d '2021-01-01 00:00' new
[ new -nt old ] && [ old -ot new ] && echo times
[ f -ef ./f ] && echo same
[ 1 -eq x ]
echo "status $?"
[ a = a
echo "status $?"
test
echo "status $?"
