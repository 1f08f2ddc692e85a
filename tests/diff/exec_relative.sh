# Programs by relative path, by link, by another name.
cp /bin/busybox busybox.copy
./busybox.copy echo copied
ln -s busybox.copy echo
./echo 'applet by name'
mkdir d
cd d || exit
../busybox.copy echo above
../missing
echo "status $?"
ln ../busybox.copy true
./true
echo "status $?"
