# test -t, tty, and programs that ask whether they talk to a terminal.
[ -t 0 ] || echo 'not 0'
[ -t 1 ] || echo 'not 1'
ptydo <<'X'
run /bin/busybox sh -c "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; [ -t 0 ] </dev/null || echo no; tty | cut -c1-9; echo x >/dev/tty"
expect x
end
X
echo "status $?"
