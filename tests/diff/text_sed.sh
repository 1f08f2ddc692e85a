# sed: substitution, addresses, ranges, hold space, in place, scripts.
printf 'one\ntwo\nthree\nfour\n' >f
sed 's/o/0/' f
sed 's/o/0/g;2d' f
sed -n '2,3p' f
sed -n '/t/p' f
sed '/two/,/three/s/^/> /' f
sed -n '$=' f
sed 'y/aeiou/AEIOU/' f
sed -E 's/(.)(.)/\2\1/' f
sed '1!G;h;$!d' f
sed -i 's/one/ONE/' f
head -n 1 f
sed '2i\
inserted' f
sed '2a appended' f
sed '3c changed' f
sed -n 'l' <<X
a	b
X
sed 'N;s/\n/+/' f
sed ':a;s/^\(.\{1,7\}\)$/ \1/;ta' f
sed 2q f
