# Lines backwards, files backwards, lines numbered.
printf 'abc\ndef\n\nghi\n' >f
rev f
tac f
nl f
nl -ba f
