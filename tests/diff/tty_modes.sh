# stty: what is set, raw, no echo, size.
cat >script <<'X'
stty -a >s
grep -o icanon s
stty -echo
stty -a >s
grep -o -e '-echo ' s
stty rows 30 cols 100
stty size
stty raw
stty -a >s
grep -o -e '-icanon ' s
stty sane
stty -a >s
grep -o -e ' icanon ' s
echo end
X
ptydo <<'X'
run /bin/busybox sh script
expect end
end
X
echo "status $?"
