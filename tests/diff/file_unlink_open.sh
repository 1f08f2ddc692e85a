# A file that is removed while open lives until it is closed.
echo content >f
exec 3<f
rm f
cat <&3
[ -e f ] || echo gone
exec 4>g 5<g
rm g
echo through >&4
cat <&5
