# The current directory: cd, cd -, links, removed under us.
mkdir -p a/b
ln -s a/b l
cd a/b && pwd
cd .. && pwd
cd - && pwd
cd ../../l && pwd
pwd -P
cd ..
(cd /; pwd)
pwd
cd missing
echo "status $?"
touch f
cd f
echo "status $?"
mkdir gone
cd gone || exit
rmdir ../gone
ls
touch x
echo "status $?"
cd .. && ls
