# Output of a whole group, errors into the pipe with it.
{ echo out; echo err >&2; } 2>&1 | sort
(echo 1; echo 2) | while read -r x; do echo "line $x"; done
{ cat <<X
here
X
} | cat
for i in 1 2 3; do echo $i; done | tac
