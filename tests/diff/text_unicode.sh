# Names and text that are not ASCII go through untouched.
printf 'gr\303\274n\n' >'na\303\257f'
echo 'grün ☃' | wc -c
mkdir 'ümläut'
ls -1 | sort | od -An -c | head -n 3
echo 'äöü' | sed 's/ö/o/'
