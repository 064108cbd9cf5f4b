use troupe_core::{TenantId, limits};

use crate::support::{Home, tenant};

#[tokio::test]
async fn of_the_policies_that_a_tenant_has_had_the_newest_are_kept_and_revisions_go_on() {
    let home = Home::open().await;
    let other: TenantId = "other".parse().unwrap();
    for tenant in [&tenant(), &other] {
        home.store.create_tenant(tenant, None).await.unwrap();
    }
    home.store.set_trust(&other, 0, "{}".to_owned(), Vec::new()).await.unwrap();
    let last = 2 * limits::TRUST_REVISIONS_MAX;
    for before in 0..last {
        let row = home.store.set_trust(&tenant(), before, format!("{{\"n\":{before}}}"), Vec::new()).await.unwrap();
        assert_eq!(row.revision, before + 1);
    }
    assert_eq!(home.store.trust(&tenant()).await.unwrap().unwrap().revision, last);
    assert_eq!(home.store.trust(&other).await.unwrap().unwrap().revision, 1);
    home.store.close().await;
    let kept = home.raw().await.numbers("select revision from trust where tenant = 'acme' order by revision").await;
    let kept: Vec<u64> = kept.into_iter().map(|[revision]| revision.try_into().unwrap()).collect();
    assert_eq!(kept, (limits::TRUST_REVISIONS_MAX + 1..=last).collect::<Vec<_>>());
}
