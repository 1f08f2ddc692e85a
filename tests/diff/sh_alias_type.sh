# Aliases, command -v, type, hash.
alias hi='echo hello'
eval hi there
unalias hi
command -v cd
command -v missing_command
echo "status $?"
f() { :; }
type f | head -n 1
command echo plain
missing_command
echo "status $?"
/
echo "status $?"
touch plain
./plain
echo "status $?"
