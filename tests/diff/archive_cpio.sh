# cpio: a tree out and in again.
mkdir -p d/e
echo x >d/f
ln -s f d/l
find d | sort | cpio -o -H newc >c 2>/dev/null
cpio -t <c 2>/dev/null
mkdir out
cd out || exit
cpio -id <../c 2>/dev/null
cat d/f
readlink d/l
