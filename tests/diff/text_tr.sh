# tr: ranges, classes, deleting, squeezing, complement.
echo 'Hello, World 123' | tr a-z A-Z
echo 'Hello, World 123' | tr '[:upper:]' '[:lower:]'
echo 'Hello, World 123' | tr -d '[:digit:]'
echo 'aabbcc  dd' | tr -s 'a-c '
echo 'a1b2c3' | tr -cd '0-9\n'
echo 'x-y_z' | tr '_-' '  '
printf 'a\tb\n' | tr '\t' '|'
