# Other text run in this shell: eval, ., exec.
eval 'x=1; echo $x'
printf 'y=2\necho sourced $y\nreturn 4\n' >lib
. ./lib
echo "status $? $y"
. ./missing
echo not reached
