# chmod in numbers and letters; execution rights.
touch f
for m in 644 u+x go-r a=rw 755 u-w,g+w +t 4755 0; do
    chmod $m f
    stat -c "$m %a %A" f
done
chmod 999 f
echo "status $?"
chmod 644 missing
echo "status $?"
printf '#!/bin/sh\necho ran\n' >s
./s
echo "status $?"
chmod +x s
./s
mkdir -p d/e
touch d/e/f
chmod -R 700 d
stat -c %a d d/e d/e/f
