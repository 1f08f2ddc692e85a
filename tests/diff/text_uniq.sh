# uniq: counts, only repeated, only single, ignoring case, skipping fields.
printf 'a\na\nb\nc\nc\nc\nA\n' >f
uniq f
echo --
uniq -c f
echo --
uniq -d f
echo --
uniq -u f
echo --
sort f | uniq -ci
echo --
printf '1 x\n2 x\n3 y\n' | uniq -f 1
