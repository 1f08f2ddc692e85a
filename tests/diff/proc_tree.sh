# A tree of processes, four deep and two wide, adds up to the right number.
tree() {
    if [ "$1" -eq 0 ]; then
        echo leaf
    else
        (tree $(($1 - 1))) &
        (tree $(($1 - 1))) &
        wait
    fi
}
tree 4 | wc -l
