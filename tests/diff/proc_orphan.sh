# A child whose parent has gone runs on and has a new parent.
sh -c '(sleep 0.1; echo orphan >f) & exit 0'
echo "parent gone $?"
while [ ! -s f ]; do sleep 0.02; done
cat f
