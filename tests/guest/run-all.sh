#!/bin/busybox sh
# Runs the guest test cases named in a list, all in one boot, and frames the
# result of each (see tests/kit/guard.c) for the host to split and compare.
#
#   sh /tests/guest/run-all.sh [LIST]
#
# A line of LIST: NAME SECONDS PROGRAM ARGUMENT...   (default: /tests/list)
# Every case has a fresh directory under /tmp/case and its own time limit, so
# a case that fails or hangs does not take the others with it.
list=${1:-/tests/list}
guard=/tests/bin/guard
top=/tmp/case

mkdir -p "$top"
chmod 755 "$top"
echo "@@@ start"
while read -r name seconds command; do
    case $name in ''|'#'*) continue ;; esac
    rm -rf "$top/$name"
    mkdir "$top/$name"
    # shellcheck disable=SC2086 # the command is a list of words
    $guard "$seconds" "$top/$name" "$name" $command </dev/null ||
        echo "@@@ end $name exit 125"
    rm -rf "$top/$name"
done <"$list"
echo "@@@ done"
