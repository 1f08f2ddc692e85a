# Two writers that append both keep their lines.
exec 3>>f 4>>f
echo a >&3
echo b >&4
echo c >&3
cat f
(for i in 1 2 3 4 5 6 7 8 9; do echo x$i; done) >>g &
(for i in 1 2 3 4 5 6 7 8 9; do echo y$i; done) >>g &
wait
sort g | tr '\n' ' '
