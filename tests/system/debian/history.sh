# git: what it says depends on every byte of every object; maps of files, renames, locks, many small processes.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_DATE=2020-01-01T00:00:00Z GIT_COMMITTER_DATE=2020-01-01T00:00:00Z HOME=$WORK
git init -q -b main repository
cd repository
for i in 1 2 3 4; do
	mkdir -p d$i
	seq $i $((i * 50)) > d$i/f
	echo "change $i" >> log
	git add -A
	git commit -qm "commit $i"
done
git checkout -q -b other HEAD~2
echo x > new
git add new
git commit -qm other
git merge -q main -m merge 2>&1
git log --format=%H%s
git diff --stat HEAD~1
git status --short
git gc -q 2>&1
git fsck 2>&1
git count-objects -v | head -3
