# /proc shows the command line, the name, the directory and descriptors.
sh -c 'tr "\000" " " </proc/$$/cmdline; echo' a b
sh -c 'cat /proc/$$/comm'
sh -c 'grep ^Name: /proc/$$/status'
sh -c 'readlink /proc/$$/cwd'
sh -c 'readlink /proc/$$/exe'
sh -c 'exec 4</dev/null; readlink /proc/$$/fd/4'
sh -c 'exec 5>f; readlink /proc/self/fd/5'
[ -d /proc/1 ] && echo init
[ -d /proc/999999 ] || echo none
