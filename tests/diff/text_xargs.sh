# xargs: batches, placeholders, null-terminated, statuses.
seq 5 | xargs
seq 5 | xargs -n 2
printf 'a b\nc\n' | xargs -I {} echo '<{}>'
printf 'a b\000c\000' | xargs -0 -n 1 echo
echo 'x "y z"' | xargs -n 1
: | xargs echo none
: | xargs -r echo never
echo 1 | xargs false
echo "status $?"
echo 1 | xargs sh -c 'exit 255'
echo "status $?"
echo 1 | xargs ./missing
echo "status $?"
