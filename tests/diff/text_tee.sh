# tee writes to its output and to files, anew and at the end.
echo one | tee a b
cat a b
echo two | tee -a a >/dev/null
cat a
echo x | tee /missing/dir/file
echo "status $?"
