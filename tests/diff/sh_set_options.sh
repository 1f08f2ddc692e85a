# set -e, -u, -x and -n.
sh -e -c 'echo one; false; echo two'
echo "status $?"
sh -u -c 'echo $undefined; echo two'
echo "status $?"
sh -x -c 'x=1; echo $x'
sh -n -c 'echo never'
sh -c 'if then'
echo "status $?"
sh -c 'set -e; if false; then :; fi; false || true; echo here'
echo 'echo from stdin' | sh
echo 'echo $0 $1' | sh -s arg
