# Command substitution: nesting, statuses, large output.
x=$(echo a; echo b)
echo "$x"
echo "$(echo "$(echo "$(echo deep)")")"
y=`echo back`
echo $y
x=$(exit 7)
echo "status $?"
z=$(seq 30000)
echo "${#z}"
echo "$(cat <<X
in here
X
)"
echo $(echo err >&2)
n=$(ls /missing 2>/dev/null | wc -l)
echo $n
