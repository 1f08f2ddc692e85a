# Tabs to spaces and back; folding and line ends.
printf 'a\tb\n\tc\n' >f
expand f
expand -t 4 f
expand f | unexpand -a | cat -A
printf 'abcdefghij\nklm\n' | fold -w 4
printf 'some words to fold here\n' | fold -s -w 10
printf 'a\nb\n' | unix2dos | od -An -c
printf 'a\r\nb\r\n' | dos2unix | od -An -c
