# Here-documents in functions, loops and command substitutions.
f() {
    cat <<X
f: $1
X
}
f one
f two
for i in 1 2; do
    cat <<X
loop $i
X
done
y=$(cat <<X
inside
X
)
echo "$y"
while read -r a b; do echo "$b $a"; done <<X
1 2
3 4
X
