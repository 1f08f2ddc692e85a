# The parent's number is the one that started us.
echo $$ >me
sh -c 'echo $PPID' >theirs
cmp me theirs && echo same
sh -c 'sh -c "echo \$PPID" >inner; echo $$ >outer'
cmp inner outer && echo same
