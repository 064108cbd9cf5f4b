use troupe_core::{Code, Digest};
use troupe_store::{Forms, RouteChange};

use crate::support::{Home, agent, release, tenant, version};

fn serve(text: &str, bytes: &str) -> RouteChange {
    RouteChange { serving: Some((version(text), Digest::of(bytes.as_bytes()))), ..RouteChange::default() }
}

fn configure(json: &str) -> RouteChange {
    RouteChange { configuration: Some(json.to_owned()), ..RouteChange::default() }
}

#[tokio::test]
async fn every_change_is_a_new_epoch_and_every_document_a_new_revision() {
    let home = Home::open().await;
    home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap();
    home.store.publish(&tenant(), release("aws@2.0.0", "two"), None).await.unwrap();
    let (tenant, agent) = (tenant(), agent());
    let change = |expected, change| home.store.change_route(&tenant, &agent, expected, change, None);

    let first = change(Some(0), serve("1.0.0", "one")).await.unwrap();
    assert_eq!((first.epoch, first.configuration_revision, first.grants_revision), (1, 0, 0));
    assert_eq!((first.configuration.as_str(), first.grants.as_deref()), ("{}", None));
    assert_eq!(first.state_generation, 1);

    change(Some(1), configure(r#"{"a":1}"#)).await.unwrap();
    let grants = RouteChange { grants: Some("[]".to_owned()), ..RouteChange::default() };
    change(None, grants).await.unwrap();
    let both = RouteChange { configuration: Some(r#"{"a":2}"#.to_owned()), ..serve("2.0.0", "two") };
    let last = change(Some(3), both).await.unwrap();
    assert_eq!((last.epoch, last.configuration_revision, last.grants_revision), (4, 2, 1));
    assert_eq!((last.serving.clone(), last.digest), (version("2.0.0"), Digest::of(b"two")));
    assert_eq!((last.configuration.as_str(), last.grants.as_deref()), (r#"{"a":2}"#, Some("[]")));
    assert_eq!(home.store.deployment(&tenant, &agent).await.unwrap(), Some(last.clone()));
    assert_eq!(home.store.deployments(&tenant).await.unwrap(), std::slice::from_ref(&last));
    assert_eq!(home.store.all_deployments().await.unwrap(), [last]);

    let feed = home.store.feed(&tenant, 2, 10).await.unwrap();
    let told: Vec<_> = feed
        .iter()
        .map(|event| format!("{} {} {} {}", event.subject, event.kind, event.data["epoch"], event.data["previous"]))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    deployment/aws deployment.created 1 null
    deployment/aws deployment.configured 2 "1.0.0"
    deployment/aws deployment.granted 3 "1.0.0"
    deployment/aws deployment.swapped 4 "1.0.0"
    "#);
}

#[tokio::test]
async fn the_forms_of_state_that_releases_leave_beside_each_other_are_remembered() {
    let home = Home::open().await;
    for text in ["1.0.0", "2.0.0", "3.0.0"] {
        home.store.publish(&tenant(), release(&format!("aws@{text}"), text), None).await.unwrap();
    }
    let (tenant, agent) = (tenant(), agent());
    let forms = async |change| {
        let row = home.store.change_route(&tenant, &agent, None, change, None).await.unwrap();
        assert_eq!(home.store.deployment(&tenant, &agent).await.unwrap().as_ref(), Some(&row));
        row.state_forms
    };
    let writes = |text, form| RouteChange { form, ..serve(text, text) };
    assert_eq!(forms(writes("1.0.0", Some(2))).await, Some(Forms::one(2)));
    let both = Some(Forms { first: 2, last: 3 });
    for change in [writes("2.0.0", Some(3)), writes("1.0.0", Some(2)), configure("{}")] {
        assert_eq!(forms(change).await, both);
    }
    assert_eq!(forms(writes("3.0.0", Some(1))).await, Some(Forms { first: 1, last: 3 }));
    // What nobody has said is not guessed, nor is it forgotten that nobody has.
    for form in [None, Some(1)] {
        assert_eq!(forms(writes("3.0.0", form)).await, None);
    }
}

#[tokio::test]
async fn a_change_that_looked_at_an_older_epoch_changes_nothing() {
    let home = Home::open().await;
    home.deploy().await;
    home.store.change_route(&tenant(), &agent(), Some(1), configure("{}"), None).await.unwrap();
    let events = home.kinds().await;
    for stale in [0, 1, 3] {
        let error =
            home.store.change_route(&tenant(), &agent(), Some(stale), configure(r#"{"x":1}"#), None).await.unwrap_err();
        assert_eq!(error.code, Code::SwapConflict);
        assert_eq!(error.details["epoch"], 2);
        insta::allow_duplicates! { insta::assert_snapshot!(error, @"the deployment of aws is at epoch 2 now; look at it again, then repeat"); }
    }
    let row = home.store.deployment(&tenant(), &agent()).await.unwrap().unwrap();
    assert_eq!((row.epoch, row.configuration.as_str()), (2, "{}"));
    assert_eq!(home.kinds().await, events);
}

#[tokio::test]
async fn of_many_changes_that_looked_at_the_same_epoch_exactly_one_is_made() {
    let home = Home::open().await;
    home.deploy().await;
    let mut attempts = tokio::task::JoinSet::new();
    for n in 0..16 {
        let store = home.store.clone();
        let change = configure(&format!(r#"{{"n":{n}}}"#));
        attempts.spawn(async move { store.change_route(&tenant(), &agent(), Some(1), change, None).await });
    }
    assert_eq!(attempts.join_all().await.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(home.store.deployment(&tenant(), &agent()).await.unwrap().unwrap().epoch, 2);
}

#[tokio::test]
async fn only_what_is_published_with_that_digest_can_serve() {
    let home = Home::open().await;
    home.deploy().await;
    for change in [serve("9.9.9", "one"), serve("1.0.0", "other bytes")] {
        let error = home.store.change_route(&tenant(), &agent(), None, change, None).await.unwrap_err();
        assert_eq!(error.code, Code::ReleaseNotFound);
    }
    assert_eq!(home.store.deployment(&tenant(), &agent()).await.unwrap().unwrap().epoch, 1);
}

#[tokio::test]
async fn what_is_not_deployed_cannot_be_configured() {
    let home = Home::open().await;
    let error = home.store.change_route(&tenant(), &agent(), None, configure("{}"), None).await.unwrap_err();
    assert_eq!(error.code, Code::DeploymentNotFound);
    insta::assert_snapshot!(error, @"agent aws is not deployed; deploy it first");
    home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap();
    let error = home.store.change_route(&tenant(), &agent(), Some(4), serve("1.0.0", "one"), None).await.unwrap_err();
    assert_eq!((error.code, error.details["epoch"].as_u64()), (Code::SwapConflict, Some(0)));
}

#[tokio::test]
async fn a_change_of_nothing_is_no_new_epoch() {
    let home = Home::open().await;
    home.deploy().await;
    let row = home.store.change_route(&tenant(), &agent(), Some(1), RouteChange::default(), None).await.unwrap();
    assert_eq!(row.epoch, 1);
    assert_eq!(home.kinds().await, ["release.published", "deployment.created"]);
}
