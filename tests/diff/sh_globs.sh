# File names by pattern.
touch a1 a2 b1 .hidden 'with space'
mkdir d
touch d/x d/y
echo *
echo a?
echo [ab]1
echo [!a]1
echo d/*
echo */x
echo .h*
echo no*match
for f in *; do echo "<$f>"; done
set -f
echo *
