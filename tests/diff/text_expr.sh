# expr: arithmetic, comparison, strings and its statuses.
expr 1 + 2 \* 3
expr 7 / 2
expr 7 % 2
expr 3 \< 4
expr abc = abd
echo "status $?"
expr length hello
expr substr hello 2 3
expr index hello l
expr abc : 'a\(.\)c'
expr 1 / 0
echo "status $?"
expr a +
echo "status $?"
