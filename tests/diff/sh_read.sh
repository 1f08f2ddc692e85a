# read: fields, options, lines without an end, from files and pipes.
printf 'a b c\n' | { read -r x y; echo "$x|$y"; }
printf 'a:b:c\n' | { IFS=: read -r x y z; echo "$x|$y|$z"; }
printf 'back\\slash\n' | { read -r x; echo "$x"; }
printf 'back\\slash\n' | { read x; echo "$x"; }
printf 'no end' | { read -r x; echo "$x $?"; }
printf '' | { read -r x; echo "[$x] $?"; }
printf 'abcdef' | { read -n 3 x; echo "$x"; }
printf '1\n2\n3\n' >f
while read -r l; do echo "line $l"; done <f
exec 3<f
read -r a <&3
read -r b <&3
echo $a $b
(read -r c <&3; echo $c)
read -r d <&3
echo "[$d] $?"
