# Two hundred short commands, one after the other and forty at once.
i=0
while [ $i -lt 200 ]; do
    /bin/busybox true || echo failed
    i=$((i + 1))
done
echo $i
for i in $(seq 40); do /bin/busybox echo "p$i" >"p$i" & done
wait
cat p* | sort -u | wc -l
