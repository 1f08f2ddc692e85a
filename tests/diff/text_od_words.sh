# Words of 16 and 32 bits in the machine's own order: little-endian here.
printf '\001\002\003\004\005\006\007\010' | od -An -tx2
printf '\001\002\003\004\005\006\007\010' | od -An -tx4
printf '\001\002\003\004\005\006\007\010' | od -An -td8
