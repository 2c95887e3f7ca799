#!/bin/sh
# SPDX-License-Identifier: MIT
# git under Lane makes the same commits, packs and answers. The shell that
# drives it and every tool in it run on Lane too.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs git

GIT_CONFIG_NOSYSTEM=1
GIT_CONFIG_GLOBAL=/dev/null
GIT_AUTHOR_NAME=Lane
GIT_AUTHOR_EMAIL=lane@example.org
GIT_COMMITTER_NAME=Lane
GIT_COMMITTER_EMAIL=lane@example.org
export GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL
export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

prepare() {
	cat >work.sh <<'END'
# work.sh FOLDER COMMITS - a history with branches, merges, renames and packs
set -e
rm -rf "$1"
git init -q -b main "$1"
cd "$1"
# One thread: which deltas are tried depends on how threads share the work.
git config pack.threads 1
git config gc.auto 0
git config core.pager cat
day=1700000000
commit() {
	day=$((day + 3600))
	GIT_AUTHOR_DATE="$day +0000" GIT_COMMITTER_DATE="$day +0000" "$@"
}
i=0
while [ $i -lt "$2" ]; do
	i=$((i + 1))
	mkdir -p dir$((i % 7))/sub$((i % 3))
	awk -v i=$i 'BEGIN { for (k = 0; k < 40 + i % 90; k++) print "line", k, (k * i) % 97 }' \
		>dir$((i % 7))/sub$((i % 3))/file$((i % 29)).txt
	awk -v i=$i 'BEGIN { for (k = 0; k < 2000; k++) printf "%d,", (k * k + i) % 1009 }' >big.csv
	git add -A
	commit git commit -q -m "change $i"
	if [ $((i % 10)) -eq 0 ]; then
		git checkout -q -b side$i HEAD~3
		echo "side $i" >side$i.txt
		git add -A
		commit git commit -q -m "side $i"
		git checkout -q main
		commit git merge -q --no-edit side$i
	fi
done
git mv dir1 moved
commit git commit -q -m "rename"
commit git tag -a -m "a tag" v1
git rev-parse HEAD main
git log --stat --format='%H %ad %s' --date=iso --name-status
git log -p --follow -- moved/sub1/file1.txt
git blame big.csv | head -c 100000
git shortlog -sn main
git diff HEAD~20 HEAD --numstat -M
git grep -n 'line 7 ' HEAD | head -n 300
git fsck --full --strict
git gc -q --aggressive
git count-objects -v | grep -v size
git verify-pack -v .git/objects/pack/*.idx | sed 's,.git/objects/pack/,,'
git archive --format=tar HEAD | git hash-object --stdin
git bundle create -q ../bundle.$$ --all
git clone -q ../bundle.$$ clone
rm ../bundle.$$
git -C clone log --format=%H --all | sort
# With threads the packs may differ, what is in them may not.
git -C clone -c pack.threads=4 repack -q -a -d -f --depth=50
git -C clone -c grep.threads=4 grep -c line HEAD
git -C clone fsck --full
git -C clone cat-file --batch-all-objects --batch-check
git rebase -q HEAD~3
git stash list
git status --short
END
	commits=60
	[ -z "$QUICK" ] || commits=20
	without plain sh work.sh repository "$commits"
}

suite() {
	with "$1" lane sh work.sh repository "$commits"
	same "$1: the same commits, packs and answers" plain lane
	lane_at_work "$1: git ran on Lane" lane 1000 "$1"
}

run_suites 2
