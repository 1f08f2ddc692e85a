# Arguments of scripts: $0, positions, empty ones, many.
sh -c 'echo $0 $1 $#' zero one two
printf 'echo "$#:$1:$3"\n' >s
sh s a '' c
sh s "$(seq 100)" x y | wc -l
set -- $(seq 1000)
echo $# ${1000}
sh -c 'echo $#' x $(seq 5000)
