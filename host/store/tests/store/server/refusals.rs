use troupe_core::Code;

use super::{home, is_wanted, raw};
use crate::support::{id, pending, tenant};

#[tokio::test]
async fn a_job_that_the_database_refuses_is_undone_alone() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let mut connection = raw(&home).await;
    let rule = "alter table tasks add constraint no_third check (id not like '%3')";
    sqlx::query(rule).execute(&mut connection).await.unwrap();
    let (first, second, third, fourth) = tokio::join!(
        home.store.create_task(pending(1)),
        home.store.create_task(pending(2)),
        home.store.create_task(pending(3)),
        home.store.create_task(pending(4)),
    );
    assert_eq!(third.unwrap_err().code, Code::Internal);
    assert!(first.is_ok() && second.is_ok() && fourth.is_ok());
    // One that is alone in its batch, too.
    assert_eq!(home.store.create_task(pending(0x13)).await.unwrap_err().code, Code::Internal);
    home.store.create_task(pending(5)).await.unwrap();
    for number in [1, 2, 4, 5] {
        assert!(home.store.task(&tenant(), id(number)).await.unwrap().is_some(), "task {number}");
    }
    assert_eq!(home.store.task(&tenant(), id(3)).await.unwrap(), None);
    assert!(home.store.feed(&tenant(), 0, 10).await.unwrap().iter().map(|event| event.seq).eq(1..=4));
}

#[tokio::test]
async fn when_the_commit_is_refused_the_whole_batch_is_told_and_the_next_is_taken() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let mut connection = raw(&home).await;
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as
            $$ begin if new.id like '%3' then raise exception 'no third'; end if; return null; end $$;
         create constraint trigger refused after insert on tasks deferrable initially deferred
            for each row execute function refuse()",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let done = tokio::join!(home.store.create_task(pending(1)), home.store.create_task(pending(3)));
    let is_kept = home.store.task(&tenant(), id(1)).await.unwrap().is_some();
    assert_eq!(done.0.is_ok(), is_kept, "they shared a commit or did not");
    assert_eq!(done.1.unwrap_err().code, Code::Internal);
    home.store.create_task(pending(2)).await.unwrap();
    assert_eq!(home.store.task(&tenant(), id(3)).await.unwrap(), None);
}

#[tokio::test]
async fn a_text_with_a_character_that_is_not_kept_is_refused_and_its_neighbours_are_not() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let keyed = |number, key: &str| troupe_store::TaskRow { idempotency_key: Some(key.to_owned()), ..pending(number) };
    let (one, two) = tokio::join!(home.store.create_task(keyed(1, "a\0b")), home.store.create_task(keyed(2, "ab")));
    let error = one.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::RequestInvalid, false));
    insta::assert_snapshot!(error, @"a text holds the character NUL, which the database does not keep; leave it out");
    two.unwrap();
    assert!(home.store.task(&tenant(), id(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn i121_a_lock_that_outlasts_the_wait_is_an_error_and_not_a_hang() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let mut other = raw(&home).await;
    sqlx::query("select pg_advisory_lock(8390891605932179457)").execute(&mut other).await.unwrap();
    let error = home.store.create_task(pending(1)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableStore, true));
    insta::assert_snapshot!(error, @"the store is busy; try again");
    sqlx::query("select pg_advisory_unlock_all()").execute(&mut other).await.unwrap();
    home.store.create_task(pending(1)).await.unwrap();
}
