-- What this database is called where hosts speak of it elsewhere; a copy is another database, and has another name.
create table database_name (
    one  bigint           not null check (one = 1),
    name text collate "C" not null,
    primary key (one)
);
