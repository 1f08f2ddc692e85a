# The least that must work: a built-in command writes a line.
echo hello
echo oops >&2
printf 'no newline'
exit 3
