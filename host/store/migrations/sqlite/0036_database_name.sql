-- What this database is called where hosts speak of it elsewhere; a copy is another database, and has another name.
create table database_name (
    one  integer not null check (one = 1),
    name text    not null,
    primary key (one)
);
