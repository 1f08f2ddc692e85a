# umask masks the rights of what is made, and is inherited.
umask
umask 077
touch a
mkdir b
sh -c 'umask; touch c'
umask 000
touch d
stat -c '%n %a' a b c d
umask u=rwx,g=rx,o=
umask
