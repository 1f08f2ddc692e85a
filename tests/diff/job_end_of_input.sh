# Ctrl-D ends the input of what reads; then that of the shell.
ptydo <<'X'
run /bin/busybox sh -i
expect # 
send cat >f\n
pause 100
send one\n
pause 100
send two\n
pause 100
send \x04
expect # 
send cat f\n
expect one
expect two
expect # 
send \x04
end
X
echo "status $?"
wc -l f
