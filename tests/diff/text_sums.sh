# Check sums and digests of known data.
printf 'The quick brown fox jumps over the lazy dog' >f
md5sum f
sha1sum f
sha256sum f
sha512sum f
sha3sum f
crc32 f
: >e
md5sum e
sha256sum f >s
sha256sum -c s
echo changed >f
sha256sum -c s
echo "status $?"
