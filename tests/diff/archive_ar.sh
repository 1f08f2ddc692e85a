# ar: list and extract what was put together by hand.
printf '!<arch>\n%-16s%-12s%-6s%-6s%-8s%-10s`\n%s' 'f.txt/' 0 0 0 100644 6 'hello
' >a.ar
ar t a.ar
ar p a.ar f.txt
ar x a.ar
cat f.txt
