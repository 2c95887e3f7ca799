-- SPDX-License-Identifier: MIT
-- Inserts, indexes and queries in memory; @ROWS@ is filled in by the driver.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, grp INTEGER, price REAL, note TEXT);
WITH RECURSIVE n(i, s) AS (
	SELECT 1, 12345
	UNION ALL
	SELECT i + 1, (s * 1103515245 + 12345) % 2147483648 FROM n WHERE i < @ROWS@)
INSERT INTO item
SELECT i, 'item ' || (s % 100000), s % 500, (s % 10000) / 100.0,
       substr('the quick brown fox jumps over the lazy dog and runs away', 1, 5 + s % 50) FROM n;
CREATE INDEX item_name ON item (name);
CREATE INDEX item_grp ON item (grp, price);
CREATE TABLE total AS
SELECT grp, count(*) AS n, sum(price) AS price, max(length(note)) AS longest FROM item GROUP BY grp;
SELECT count(*), sum(n), round(sum(price), 2), max(longest) FROM total;
UPDATE item SET note = note || ' twice', price = price + 1 WHERE grp % 3 = 0;
DELETE FROM item WHERE grp % 7 = 1;
SELECT count(*), sum(length(note)) FROM item;
SELECT count(DISTINCT name), count(DISTINCT note) FROM item;
SELECT a.grp, count(*) FROM item a JOIN item b ON b.name = a.name AND b.id > a.id
GROUP BY a.grp ORDER BY 2 DESC, 1 LIMIT 5;
SELECT name, group_concat(id) FROM item WHERE grp = 9 GROUP BY name ORDER BY name LIMIT 5;
SELECT count(*) FROM (SELECT note, name FROM item ORDER BY note, name, price);
