# The terminal's own editing: erase, kill, literal next.
ptydo <<'X'
run /bin/busybox cat
send abX\x7fc\n
expect abc\x0d\x0a
send wrong\x15right\n
expect right\x0d\x0a
expect right\x0d\x0a
send one two\x17three\n
expect one three\x0d\x0a
send \x04
end
X
echo "status $?"
