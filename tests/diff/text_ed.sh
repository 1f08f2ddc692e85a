# The editor ed, driven by a script.
printf 'one\ntwo\nthree\n' >f
ed f <<X
2s/two/TWO/
1,2p
\$a
four
.
w
q
X
cat f
