# gzip, gunzip, zcat, bzip2: round trips and damaged input.
seq 2000 >f
cp f g
gzip g
[ -e g ] || echo gone
zcat g.gz | cmp - f && echo zcat
gunzip g.gz
cmp f g && echo same
gzip -c f | gzip -dc | cmp - f && echo pipe
bzip2 -c f | bunzip2 -c | cmp - f && echo bzip2
printf 'not gzip' | gunzip
echo "status $?"
gzip -c f | head -c 500 | gunzip 2>&1 >/dev/null
echo "status $?"
gzip missing
echo "status $?"
