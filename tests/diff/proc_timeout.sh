# timeout ends what takes too long and passes on other statuses.
timeout 0.2 sleep 10
echo "status $?"
timeout 5 sh -c 'exit 3'
echo "status $?"
timeout -s KILL 0.2 sleep 10
echo "status $?"
timeout 5 ./missing
echo "status $?"
