# A job in the background that reads from the terminal is stopped. Whether a killed one is dead when the shell looks next
# is open, so the shell sleeps before it looks.
ptydo <<'X'
run /bin/busybox sh -i
expect # 
send cat &\n
expect # 
pause 200
send jobs\n
expect Stopped
expect # 
send kill -KILL %1; sleep 1\n
expect Killed
expect # 
send exit\n
end
X
echo "status $?"
