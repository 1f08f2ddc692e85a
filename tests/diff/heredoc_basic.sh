# Here-documents: expanded, quoted, with tabs removed, two on one line.
x=value
cat <<X
a $x $(echo sub) $((1 + 2)) \$x
X
cat <<'X'
a $x $(echo sub)
X
cat <<-X
	tab gone
		both gone
	X
cat <<A; cat <<B
first
A
second
B
cat <<X | tr a-z A-Z
through a pipe
X
cat <<X >f
to a file
X
cat f
