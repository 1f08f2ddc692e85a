# Expansion of parameters in all its forms.
x=hello e=
echo "${x} ${y:-default} ${y-unset} ${e:-empty} [${e-set}]"
echo "${y:=assigned} $y"
echo "${x:+there} [${z:+no}]"
echo "${#x}"
p=/a/b/c.tar.gz
echo "${p##*/} ${p#*/} ${p%.*} ${p%%.*}"
echo "${x:1:3}" "${x/l/L}" "${x//l/L}"
(echo "${q:?is missing}")
echo "status $?"
set -- a 'b c' d
echo "$# $1 $2 $*"
for i in "$@"; do echo "<$i>"; done
shift 2
echo "$1"
unset x
echo "[$x]"
readonly r=1
(r=2)
echo "status $?"
