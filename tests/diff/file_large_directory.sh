# A thousand files in one directory, listed, counted and removed.
mkdir d
i=0
while [ $i -lt 1000 ]; do
    : >d/f$i
    i=$((i + 1))
done
ls d | wc -l
ls d | sort | head -n 3
rm d/f5*
ls d | wc -l
find d -name 'f1?' | sort | tr '\n' ' '
rm -r d
ls
