# Descriptors other than 0, 1 and 2: opened, copied, moved, closed.
exec 3>f
echo to three >&3
exec 3>&-
cat f
exec 4<f
read -r x <&4
echo "$x"
exec 4<&-
{ echo a; echo b >&2; } 2>&1 >/dev/null
{ echo a; echo b >&2; } >/dev/null 2>&1
(echo x >&5) 5>g
cat g
echo y 6>&1 >&6
exec 7<>h
echo read and write >&7
cat h
exec 7>&-
