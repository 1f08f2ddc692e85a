# When the terminal goes away its session gets SIGHUP.
ptydo <<'X'
run /bin/busybox sh -c "trap 'echo hup >f; exit 1' HUP; printf ready; while :; do sleep 0.05; done"
expect ready
hangup
end
X
echo "status $?"
cat f
