#!/bin/busybox sh
# Runs one unit of busybox's own test suite, in the guest.
#
#   run-one.sh UNIT
#
# The suite lies in /bb/testsuite as its source package has it; /bb/flags holds the
# names of the configured features, /bb/.config the configuration, /bb/links a link
# for each applet. A unit is either a script UNIT.tests, which reports by itself, or
# a folder of small scripts, each of which passes if it ends with status 0.
unit=$1
tsdir=/bb/testsuite
bindir=/bb
PATH=/bb/links:$tsdir:$bindir:$PATH
OPTIONFLAGS=$(cat /bb/flags)
LC_ALL=C.UTF-8
ECHO=echo
VERBOSE=
SKIP_KNOWN_BUGS=y
SKIP_INTERNET_TESTS=y
SHELL=/bin/sh
export tsdir bindir PATH OPTIONFLAGS LC_ALL ECHO VERBOSE SKIP_KNOWN_BUGS SKIP_INTERNET_TESTS SHELL
cd $tsdir || exit 1

# Whether the configuration leaves out what this script needs.
unconfigured() {
    upper=$(echo "$unit" | tr a-z A-Z)
    grep -q "^# CONFIG_$upper is not set\$" /bb/.config && return 0
    for feature in $(sed -n 's/^# FEATURE: //p' "$1"); do
        grep -q "^# $feature is not set\$" /bb/.config && return 0
    done
    return 1
}

if [ -f "$unit.tests" ]; then
    "./$unit.tests"
    exit
fi

for script in "$tsdir/$unit"/*; do
    name=${script##*/}
    if unconfigured "$script"; then
        echo "UNTESTED: $name"
        continue
    fi
    rm -rf ".work.$unit"
    mkdir ".work.$unit"
    cd ".work.$unit" || exit 1
    if d=$tsdir sh -x -e "$script" >log 2>&1; then
        echo "PASS: $name"
    else
        echo "FAIL: $name"
        tail -n 5 log >&2
    fi
    cd ..
    rm -rf ".work.$unit"
done
