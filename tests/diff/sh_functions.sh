# Functions: arguments, locals, return, recursion.
f() {
    local v=inner
    echo "$1 $# $v"
    return 3
}
v=outer
f a b
echo "status $? $v"
fact() {
    if [ "$1" -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi
}
fact 6
g() (v=sub; echo $v)
g
echo $v
h() { echo "old"; }
h() { echo "new"; }
h
unset -f h
h
echo "status $?"
