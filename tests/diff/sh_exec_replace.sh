# exec replaces the shell; its redirections stay.
(exec echo replaced; echo never)
(exec sh -c 'exit 9')
echo "status $?"
(exec ./missing; echo never)
echo "status $?"
exec 3>f
(exec >&3; echo in file)
cat f
exec sh -c 'echo last; exit 4'
