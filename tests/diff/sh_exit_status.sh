# Statuses: of exit, of signals, of what is not there, of what may not run.
sh -c 'exit 0'; echo $?
sh -c 'exit 255'; echo $?
sh -c 'exit 256'; echo $?
sh -c 'kill -TERM $$'; echo $?
sh -c 'kill -KILL $$'; echo $?
sh -c 'kill -SEGV $$'; echo $?
./missing; echo $?
touch f; ./f; echo $?
sh f; echo $?
(exit 42); echo $?
false; echo $?
