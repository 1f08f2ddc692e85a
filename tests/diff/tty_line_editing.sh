# The terminal's own editing: erase, kill, literal next.
ptydo <<'X'
run /bin/busybox cat
send abX\x7fc\n
expect abc
send wrong\x15right\n
expect right
send one two\x17three\n
expect one three
send \x04
end
X
echo "status $?"
