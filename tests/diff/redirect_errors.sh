# Redirections that cannot be done: the command does not run, the shell goes on.
echo x >/missing/f
echo "status $?"
cat <missing
echo "status $?"
mkdir d
echo x >d
echo "status $?"
echo x >&9
echo "status $?"
set -C
echo 1 >f
echo 2 >f
echo "status $?"
echo 3 >|f
cat f
