# A here-document larger than a pipe's buffer (the shell needs a helper for it).
{
    echo 'cat <<X | md5sum'
    seq 20000
    echo X
} >script
sh script
seq 20000 | md5sum
