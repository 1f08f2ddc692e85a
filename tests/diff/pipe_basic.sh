# Pipes of two, three and many; the status is the last one's.
echo abc | cat
echo abc | tr a-c x-z | rev
seq 1000 | cat | cat | cat | cat | cat | cat | cat | cat | wc -l
false | true
echo "status $?"
true | false
echo "status $?"
! true | false
echo "not: $?"
echo data | (read -r x; echo "got $x")
echo lost | read -r y
echo "y=[$y]"
