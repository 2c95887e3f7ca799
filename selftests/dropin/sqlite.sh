#!/bin/sh
# SPDX-License-Identifier: MIT
# sqlite3 gives the same answers and writes the same database under Lane.
# shellcheck source-path=SCRIPTDIR source=common
. "$(dirname "$0")/common"
needs sqlite3

# Inserts, indices, joins, blobs, text of every length, sorting in memory,
# window functions, JSON, recursion; a rollback; a vacuum at the end.
script() {
	rows=$1
	cat <<END
.bail on
.headers on
pragma page_size = 4096;
pragma cache_size = 4000;
create table item(id integer primary key, name text, size int, body blob);
create table tag(item int references item, word text);
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < $rows)
insert into item select i, printf('item-%06d-%s', i, substr('abcdefghijklmnopqrstuvwxyz', i % 20 + 1, i % 7)),
	(i * 7919) % 10007, case when i % 2 then zeroblob(i % 3000) else cast(printf('%.*c', i % 1500, 'x') as blob) end from n;
insert into tag select id, 'w' || (id * k % 97) from item, (select 1 k union select 2 union select 3);
commit;
create index item_size on item(size, name);
create index tag_word on tag(word, item);
select count(*), sum(size), sum(length(body)), max(name) from item;
select word, count(*), sum(size) from tag join item on item = id group by word order by 3 desc, 1 limit 40;
select name, size, rank() over (partition by size % 10 order by size desc, name) r from item order by r, name limit 60;
select group_concat(name, '|') from (select name from item where size between 100 and 400 order by name);
select json_group_array(json_object('id', id, 'name', name, 'tags',
	(select json_group_array(word) from (select word from tag where item = id order by word))))
	from (select * from item order by id limit 500);
with recursive fib(n, a, b) as (select 1, '0', '1' union all select n + 1, b, a || b from fib where n < 24)
select n, length(a), hex(substr(a, -16)) from fib;
begin;
delete from item where id % 3 = 0;
update item set body = zeroblob(size), name = upper(name) where id % 5 = 0;
select count(*), sum(length(body)) from item;
rollback;
delete from tag where item % 7 = 3;
update item set name = replace(name, 'item', printf('%.*c', id % 40, 'y')) where id % 2;
select count(*), sum(length(name)), sum(length(body)) from item;
attach ':memory:' as mem;
create table mem.copy as select * from item order by name desc;
create index mem.copy_name on copy(name collate nocase, body);
select count(*), min(name), max(name), sum(rowid * id % 1000003) from mem.copy;
select a.id, b.id from mem.copy a join item b on a.size = b.size and a.id < b.id order by 1, 2 limit 100;
pragma integrity_check;
vacuum;
END
}

prepare() {
	rows=20000
	[ -z "$QUICK" ] || rows=4000
	script $rows >script.sql
	without plain sqlite3 plain.db ".read script.sql"
}

suite() {
	rm -f lane.db
	with "$1" lane sqlite3 lane.db ".read script.sql"
	same "$1: sqlite3 answers the same" plain lane
	if cmp plain.db lane.db; then
		result 0 "$1: the database files are equal, byte for byte"
	else
		result 1 "$1: the database files are equal, byte for byte"
	fi
	lane_at_work "$1: sqlite3 ran on Lane" lane 10000 "$1"
}

run_suites 3
