# Ctrl-C and Ctrl-\ end the program in front, not the shell.
ptydo <<'X'
run /bin/busybox sh -i
expect # 
send cat\n
pause 100
send line\n
expect line
expect line
send \x03
expect # 
send echo "status $?"\n
expect status 130
expect # 
send sleep 50 | cat\n
pause 100
send \x03
expect # 
send echo still here\n
expect still here
expect # 
send sleep 50\n
pause 100
send \x1c
expect # 
send echo "status $?"\n
expect status 131
expect # 
send \x04
end
X
echo "status $?"
