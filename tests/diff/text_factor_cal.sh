# factor, cal of a given month, and dates of a given time.
factor 12 97 1001
cal 2 2024
date -u -d @0
date -u -d @1700000000 '+%Y-%m-%d %H:%M:%S %j %u'
date -u -d '2024-02-29 12:00' +%s
date -u -d nonsense
echo "status $?"
