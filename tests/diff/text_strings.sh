# strings finds what can be read in a binary file.
printf 'ab\000hello\001\002longer text\377\376tail' >f
strings f
strings -n 6 f
