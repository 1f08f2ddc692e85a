# pipefail takes the last failure of the pipe.
set -o pipefail
false | true
echo "status $?"
sh -c 'exit 3' | sh -c 'exit 4' | true
echo "status $?"
true | true
echo "status $?"
