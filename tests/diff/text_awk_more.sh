# awk: arrays, loops, functions, strings, getline and pipes out of it.
printf 'x 1\ny 2\nx 3\n' | awk '{ n[$1] += $2 } END { for (k in n) print k, n[k] }' | sort
awk 'BEGIN { for (i = 1; i <= 3; i++) { if (i == 2) continue; print i } while (j < 2) print "j" j++ }'
awk 'function f(n) { return n < 2 ? 1 : n * f(n - 1) } BEGIN { print f(10) }'
awk 'BEGIN { s = "hello"; print length(s), substr(s, 2, 3), index(s, "l"), toupper(s) }'
awk 'BEGIN { s = "a-b-c"; n = split(s, p, "-"); print n, p[1], p[3]; gsub("-", "+", s); print s }'
awk 'BEGIN { "echo from a command" | getline x; print x; close("echo from a command") }'
awk 'BEGIN { print "b\na" | "sort"; close("sort"); print "end" }'
awk 'BEGIN { if (match("foobar", /o+/)) print RSTART, RLENGTH }'
awk 'BEGIN { print 1 / 4, 2 ^ 10, 7 % 3, int(3.9) }'
awk 'BEGIN { printf "%x %o %e %c\n", 255, 8, 12345.678, 65 }'
awk 'BEGIN { print 1 / 0 }'
echo "status $?"
awk 'BEGIN { exit 5 }'
echo "status $?"
