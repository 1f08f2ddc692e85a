# Names with spaces, newlines, dashes, stars.
touch -- 'a b' '-n' '*' 'new
line' '.dot' "it's"
ls | wc -l
for f in *; do echo "<$f>"; done
rm -- -n
rm '*'
ls -1 | wc -l
rm 'new
line'
find . -type f | sort
