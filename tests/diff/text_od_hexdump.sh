# Bytes shown by od, hexdump and xxd, in an order that is the same everywhere.
printf 'ABC\n\000\001\377xyz' >f
od -An -tx1 f
od -c f
od -b f
hexdump -C f
hexdump -ve '1/1 "%02x "' f
echo
xxd f
xxd -p f
xxd -p f | xxd -r -p | cmp - f && echo back
