# The longest name, one more, and paths that are too long.
n=$(printf '%0255d' 0)
touch "$n" && echo ok
ls | wc -c
touch "x$n" 2>/dev/null
echo "status $?"
mkdir "x$n" 2>/dev/null
echo "status $?"
p=$(printf '%01000d' 0 | sed 's/0/.\//g')
echo x >"$p$p/f" && cat f
p=$p$p$p
{ echo x >"$p/f"; } 2>/dev/null
echo "status $?"
