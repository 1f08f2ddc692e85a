# Jobs by number, %1, kill %1, wait %1.
ptydo <<'X'
run /bin/busybox sh -i
expect # 
send sleep 100 & sleep 200 &\n
expect # 
send jobs\n
expect sleep 200
expect sleep 100
expect # 
send kill %1; wait %1; echo "status $?"\n
expect status 143
expect # 
send kill %2\n
expect # 
pause 100
send exit\n
end
X
echo "status $?"
