# The environment: export, one-command assignments, unset, env -i.
export A=1
B=2
sh -c 'echo "[$A][$B]"'
B=3 sh -c 'echo "[$B]"'
env -u A sh -c 'echo "[$A]"'
env -i X=y /bin/busybox env
unset A
sh -c 'echo "[$A]"'
C=4 env | grep '^C='
printenv HOME
printenv MISSING
echo "status $?"
