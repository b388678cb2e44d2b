# SQLite: transactions of several processes on one file, an index, a journal, integrity.
sqlite3 a.db "pragma journal_mode=wal; create table t(a integer primary key, b text, c real); create index i on t(b);"
for i in 1 2 3; do
	sqlite3 a.db "begin; with recursive n(x) as (select 1 union all select x+1 from n where x<600)
		insert into t(b,c) select 'row '||(x*7919%1000), x*1.5 from n; commit; select count(*), sum(c) from t;"
done
sqlite3 a.db "select b, count(*) from t group by b order by 2 desc, 1 limit 5; delete from t where a%3=0; vacuum;
	pragma integrity_check; select count(*) from t;"
sqlite3 a.db .dump | md5sum
