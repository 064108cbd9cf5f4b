//! Schedules, by the command line.

use insta::assert_snapshot;
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::seen;
use crate::{PROGRAM, host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["schedules"], arguments].concat()).await
}

#[tokio::test]
async fn a_schedule_is_set_listed_paused_and_removed() {
    let host = host().await;
    assert_snapshot!(seen(on(&host, &[]).await.good()), @"no schedules yet; `troupe schedules set NAME '0 3 * * *' AGENT SKILL` sets one");
    let set = ["set", "nightly", "0 3 1 1 *", "echo", "version", "--timezone", "Asia/Kolkata", "--tries", "3"];
    assert_snapshot!(seen(on(&host, &set).await.good()), @r"
    schedule  nightly
    cron      0 3 1 1 * Asia/Kolkata
    task      echo version
    set by    owner
    overlap   passed over
    next      [time]
    last      -
    ");
    assert_snapshot!(seen(on(&host, &["pause", "nightly"]).await.good()), @r"
    schedule  nightly
    cron      0 3 1 1 * Asia/Kolkata
    task      echo version
    set by    owner
    overlap   passed over
    next      paused
    last      -
    ");
    assert_snapshot!(seen(on(&host, &["list"]).await.good()), @r"
    SCHEDULE  CRON       ZONE          TASK          NEXT    LAST  FAILURE
    nightly   0 3 1 1 *  Asia/Kolkata  echo version  paused  -
    ");
    on(&host, &["resume", "nightly"]).await.good();
    assert_snapshot!(seen(on(&host, &["remove", "nightly"]).await.good()), @"nightly is removed");
    assert_snapshot!(seen(on(&host, &["show", "nightly"]).await.bad()), @"error: there is no schedule `nightly`; `troupe schedules` lists those there are [schedule.not_found]");
    let wrong = on(&host, &["set", "nightly", "soon", "echo", "version"]).await;
    assert!(wrong.bad().starts_with("error: `cron` cannot be read (`soon`: "), "{}", wrong.err);
    assert!(wrong.bad().contains("write five fields, such as `30 6 * * 1-5`"), "{}", wrong.err);
}
