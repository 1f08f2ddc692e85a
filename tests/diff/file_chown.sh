# Owners and groups change, and go along with cp -p.
touch f
chown 1:2 f
stat -c '%u %g' f
chown :3 f
stat -c '%u %g' f
chgrp 4 f
stat -c '%u %g' f
chmod 4755 f
chown 5 f
stat -c '%u %a' f
cp -p f g
stat -c '%u %g %a' g
ln -s f l
chown -h 7 l
stat -c '%u' l f
