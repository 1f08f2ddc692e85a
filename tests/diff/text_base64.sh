# base64 and uuencode, there and back.
seq 30 >f
base64 f
base64 f | base64 -d | cmp - f && echo base64
uuencode f <f | head -n 2
uuencode -m x <f >u
uudecode -o g u
cmp f g && echo uu
printf a | base64
printf ab | base64
printf abc | base64
