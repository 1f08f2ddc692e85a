# One MiB and more goes through a pipe whole.
dd if=/dev/zero bs=65536 count=20 2>/dev/null | wc -c
dd if=/dev/zero bs=4096 count=300 2>/dev/null | tr '\000' 'a' | cat | md5sum
seq 50000 | (cat; echo end) | tail -n 2
