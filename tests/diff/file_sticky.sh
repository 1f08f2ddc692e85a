# In a sticky directory only the owner may remove.
mkdir d
chmod 1777 d
chmod 755 .
echo a >d/root
asuser 65534 sh -c 'echo b >d/theirs; rm -f d/root; echo "status $?"; mv d/root d/x; echo "status $?"; rm d/theirs; echo "status $?"'
ls d
