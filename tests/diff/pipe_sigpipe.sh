# A writer whose reader has gone is ended by SIGPIPE: the pipe does not hang.
yes | head -n 2
seq 100000 | head -n 1
(while echo x; do :; done; echo "status $?" >&2) 2>/dev/null | true
echo done
sh -c 'yes; echo "status $?" >&2' 2>log | head -n 1
cat log
