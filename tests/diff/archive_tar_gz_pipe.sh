# A tree of 200 files goes through tar and gzip in a pipe and comes out the same.
mkdir src
for i in $(seq 200); do echo "file $i" >"src/f$i"; done
tar cf - src | gzip | gunzip | (mkdir dst && cd dst && tar xf -)
diff -r src dst/src && echo same
ls dst/src | wc -l
