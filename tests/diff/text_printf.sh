# printf, as a built-in command and as a program: conversions and escapes.
printf '%d %i %u\n' 1 -2 3
printf '%x %X %o %#x\n' 255 255 8 255
printf '[%5s][%-5s][%05d][%.2s]\n' ab ab 42 abcdef
printf '%s\n' a b c
printf '%c%c\n' xyz abc
printf '%b\n' 'tab\there'
printf '\101\x42\n'
printf '%%\n'
printf '%e %g %f\n' 1234.5 0.0001 2.5
busybox printf '%s-%s\n' 1 2 3
printf '%d\n' notanumber
echo "status $?"
