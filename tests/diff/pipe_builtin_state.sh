# What a pipe's parts change stays in them.
x=outer
echo new | { read -r x; echo "inner $x"; }
echo "$x"
cd / | true
pwd
