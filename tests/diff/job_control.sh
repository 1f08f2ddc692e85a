# A shell on a terminal: jobs stopped by Ctrl-Z, continued in front and behind.
ptydo <<'X'
run /bin/busybox sh -i
expect # 
send sleep 100\n
pause 100
send \x1a
expect Stopped
expect # 
send jobs\n
expect Stopped
expect # 
send bg\n
expect sleep 100
expect # 
send jobs\n
expect Running
expect # 
send fg\n
expect sleep 100
pause 100
send \x03
expect # 
send echo "status $?"\n
expect status 130
expect # 
send exit 7\n
end
X
echo "status $?"
