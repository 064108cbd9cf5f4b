-- Journals that take little room, are kept for a while, and can be redacted.

-- Long byte strings of calls and answers, such as the body of an HTTP answer: each is kept
-- once for a tenant, whichever of its rows hold it, under the SHA-256 of its contents. A
-- body is written in the transaction of the first row that names it, and removed in that
-- of the last.
create table journal_bodies (
    tenant text collate "C" not null,
    digest bytea            not null,  -- SHA-256 of the contents, 32 bytes
    bytes  bytea            not null,  -- the contents, packed
    primary key (tenant, digest)
);

-- The body that was cut out of a row's call or answer; null if the row holds all of it.
alter table journal add column call_body bytea;
alter table journal add column answer_body bytea;

-- Whether any row still names a body.
create index journal_by_call_body on journal (tenant, call_body) where call_body is not null;
create index journal_by_answer_body on journal (tenant, answer_body) where answer_body is not null;

-- Why the rows of an attempt are not what was recorded: `redacting` and `redacted`, by
-- somebody's wish; `dropped`, since journals are kept for a while only; null if they are.
alter table journal_heads add column withheld text collate "C";

create index journal_heads_redacting on journal_heads (tenant, task) where withheld = 'redacting';

-- What the journals of a tenant take in bytes, kept in step with them, so that a bound
-- needs no scan.
create table journal_usage (
    tenant text collate "C" not null,
    bytes  bigint           not null,
    primary key (tenant)
);
