# In raw mode one byte is read at once, and Ctrl-C is a byte.
ptydo <<'X'
run /bin/busybox sh -c "stty raw -echo; echo ready; dd bs=1 count=3 2>/dev/null | od -An -tx1; stty sane"
expect ready
send a
send \x03
send \x04
expect 04
end
X
echo "status $?"
