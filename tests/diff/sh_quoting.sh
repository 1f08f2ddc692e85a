# Quotes, escapes and the splitting of words.
a='x  y'
echo $a
echo "$a"
echo 'single $a' "double $a" back\ slash
echo "a\"b\\c\$d"
IFS=:
b=1:2:3
set -- $b
echo "$#"
unset IFS
printf '<%s>' '' "" x
echo
echo "$(printf 'trailing\n\n\n')|"
echo $'a\tb'
echo ~ | grep -c /
