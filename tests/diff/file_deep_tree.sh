# A path of fifty directories.
p=.
i=0
while [ $i -lt 50 ]; do
    p=$p/d$i
    i=$((i + 1))
done
mkdir -p $p
echo deep >$p/f
cat $p/f
find . -name f | tr -cd / | wc -c
cd $p && pwd | tr -cd / | wc -c
cd /tmp/case/file_deep_tree && rm -r d0 && ls
