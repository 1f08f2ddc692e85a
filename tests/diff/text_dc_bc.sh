# The two calculators.
echo '2 3 + p' | dc
echo '10 k 2 v p' | dc
echo '16 o 255 p' | dc
echo '2^64; 10/3; scale=5; 10/3' | bc
echo 'define f(x) { if (x < 2) return 1; return x * f(x - 1); }; f(20)' | bc
