# A job in the background that reads from the terminal is stopped.
ptydo <<'X'
run /bin/busybox sh -i
expect # 
send cat &\n
expect # 
pause 200
send jobs\n
expect Stopped
expect # 
send kill -KILL %1\n
expect # 
pause 100
send \n
expect Killed
expect # 
send exit\n
end
X
echo "status $?"
