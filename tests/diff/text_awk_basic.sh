# awk: fields, patterns, BEGIN and END, arithmetic, formats.
printf 'a 1 x\nb 2 y\nc 3 z\n' >f
awk '{ print $2, $1 }' f
awk '$2 > 1' f
awk 'BEGIN { s = 0 } { s += $2 } END { print s, NR }' f
awk -F: '{ print $1 }' <<X
k:v
X
awk '{ printf "%-3s|%3d|%5.2f\n", $1, $2, $2 / 3 }' f
awk 'NR == 2, NR == 3 { print NR ": " $0 }' f
awk -v x=7 'BEGIN { print x * 6 }'
awk '/b/ { next } { print }' f
awk 'END { print $0 }' f
