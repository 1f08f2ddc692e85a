# A large environment and many arguments arrive whole.
v=$(seq 3000 | tr '\n' ,)
export v
sh -c 'echo ${#v}'
/bin/busybox sh -c 'echo $#' x $(seq 8000)
x=$(head -c 100000 /dev/zero | tr '\000' a)
/bin/busybox printf '%s' "$x" | wc -c
