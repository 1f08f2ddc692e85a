# Options taken apart by getopts and by getopt.
f() {
    OPTIND=1
    while getopts ab:c o; do
        case $o in
        a | c) echo "flag $o" ;;
        b) echo "b=$OPTARG" ;;
        ?) echo bad ;;
        esac
    done
    shift $((OPTIND - 1))
    echo "rest: $*"
}
f -a -b x y z
f -cab1
f -x
getopt -o ab: -l long -- -a -b 1 --long rest
