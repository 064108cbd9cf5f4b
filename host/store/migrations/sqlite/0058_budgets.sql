-- JSON: what a task may cost together with all that agents ask for below it; null: nobody has said.
alter table tasks add column budget text;
