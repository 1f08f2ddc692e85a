# grep -r and find together see the same files.
mkdir -p d/e
echo needle >d/a
echo hay >d/b
echo 'needle too' >d/e/c
grep -r needle d | sort
grep -rl needle d | sort
find d -type f -exec grep -c needle {} \; | sort
