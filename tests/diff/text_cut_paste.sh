# cut by bytes, characters and fields; paste side by side and in series.
printf 'one:two:three\nfour:five\nsix\n' >f
cut -d: -f2 f
cut -d: -f2 -s f
cut -d: -f1,3 f
cut -c2-3 f
cut -b-2 f
printf '1\n2\n3\n' >n
paste n f
paste -d, n f
paste -s -d+ n
