# Times set by touch are kept, copied, compared.
touch -d '2001-02-03 04:05:06' f
stat -c %Y f
date -u -r f '+%F %T'
cp -p f g
stat -c %Y g
touch -r f h
stat -c %Y h
touch -c missing
ls
ls -l --full-time f | awk '{ print $6, $7 }'
echo x >>f
[ f -nt g ] && echo newer
find . -newer g -type f | sort
