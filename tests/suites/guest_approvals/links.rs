//! Decisions by a link, without a token.

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::{Answer, Client, Host};

use super::{approval_of, becomes, get, host, kept, output, purge, say, somebody};
use crate::task_approvals::{demand, recorded};

/// Somebody who may hand links on: a key that may give keys.
async fn admin(owner: &Client) -> Client {
    owner.with_key("default", &["admin", "read"]).await
}

async fn link(client: &Client, approval: &str, body: Value) -> Answer {
    client.post(&format!("/api/v1/task-approvals/{approval}/links"), &body).await
}

/// The secret of a link that somebody made for somebody.
async fn made(client: &Client, approval: &str, holder: &str) -> String {
    let made = link(client, approval, json!({ "for": holder })).await.of(201);
    made["path"].as_str().unwrap().strip_prefix("/approve?link=").unwrap().to_owned()
}

/// Nobody: a browser.
fn browser(host: &Host) -> Client {
    host.client().with_token(None)
}

async fn open(host: &Host, link: &str) -> Answer {
    browser(host).get(&format!("/approve?link={link}")).await
}

/// Sends the form of the page.
async fn press(host: &Host, link: &str, revision: u64, decision: &str, reason: &str) -> Answer {
    let reason = reason.replace(' ', "+");
    send(host, format!("link={link}&revision={revision}&decision={decision}&reason={reason}"), None).await
}

/// Sends a form, from a page of an origin if there is one.
async fn send(host: &Host, form: String, origin: Option<&str>) -> Answer {
    let browser = browser(host);
    let request = browser.request(Method::POST, "/approve").body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    browser.send(origin.into_iter().fold(request, |request, origin| request.header("origin", origin))).await
}

/// A question about removing `a`: its task and its approval.
async fn asked(owner: &Client) -> (String, String) {
    let task = purge(owner, &["a"]).await;
    let approval = approval_of(owner, &task).await;
    (task, approval)
}

#[tokio::test]
async fn a_link_shows_the_exact_action_decides_once_and_the_audit_says_how() {
    let host = host().await;
    let owner = host.client();
    let (admin, (_, who)) = (admin(&owner).await, somebody(&owner).await);
    let (task, approval) = asked(&owner).await;
    let link = made(&admin, &approval, &who).await;

    // Whoever follows it decides nothing, however often.
    for _ in 0..3 {
        let page = open(&host, &link).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let configuration = "<h2>It runs under this configuration</h2><pre>{}</pre>";
        for part in
            ["remove a", "&quot;remove&quot;: [", "purge of janitor@1.0.0", configuration, &who, "method=\"post\""]
        {
            assert!(page.text.contains(part), "{part}: {}", page.text);
        }
        assert!(!page.text.contains("<script") && !page.text.contains("style="), "{}", page.text);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(get(&owner, &approval).await["revision"], json!(1));

    let decided = press(&host, &link, 1, "approve", "by mail").await;
    assert_eq!(decided.status, 200, "{}", decided.text);
    assert!(decided.text.contains("It is approved."), "{}", decided.text);
    let done = output(&owner, &task).await;
    assert_eq!((&done["by"], &done["reason"], &done["removed"]), (&json!(who), &json!("by mail"), &json!(["a"])));
    let audit = owner.get("/api/v1/audit?kind=task_approval&limit=100").await.of(200);
    let of = |step: &str| {
        let mut all = audit["items"].as_array().unwrap().iter();
        all.find(|record| record["details"]["step"] == step).unwrap_or_else(|| panic!("no {step}: {audit:#}")).clone()
    };
    let (linked, granted) = (of("linked"), of("granted"));
    let maker = admin.get("/api/v1/whoami").await.of(200)["principal"].clone();
    assert_eq!((&linked["principal"], &linked["details"]["for"]), (&maker, &json!(who)));
    assert_eq!((&granted["principal"], &granted["details"]["link_made_by"]), (&json!(who), &maker));
    assert_eq!(granted["details"]["link"], linked["details"]["link"]);
    assert!(!audit.to_string().contains(&link), "the link is in no record");

    // It is used up.
    let again = press(&host, &link, 2, "approve", "").await;
    assert_eq!(again.status, 403, "{}", again.text);
    assert!(again.text.contains("decides once"), "{}", again.text);
    assert!(open(&host, &link).await.text.contains("decides once"));
}

#[tokio::test]
async fn a_link_rejects_with_a_reason_and_two_at_once_are_one() {
    let host = host().await;
    let owner = host.client();
    let (admin, (_, who)) = (admin(&owner).await, somebody(&owner).await);
    let (task, approval) = asked(&owner).await;
    let link = made(&admin, &approval, &who).await;
    let without = press(&host, &link, 1, "reject", " ").await;
    assert_eq!((without.status, without.text.contains("a rejection says why")), (400, true), "{}", without.text);
    let (one, other) = tokio::join!(press(&host, &link, 1, "reject", "no"), press(&host, &link, 1, "reject", "no"));
    assert!([one.status, other.status].contains(&200) && one.status != other.status, "{} {}", one.text, other.text);
    assert_eq!(output(&owner, &task).await["end"], "rejected");
    assert_eq!(recorded(&owner, &approval).await.iter().filter(|(step, _)| step == "rejected").count(), 1);

    // It decides about tasks before they run as well, and counts as a vote of whom it is for.
    demand(&owner, json!([{ "kinds": ["task"], "skills": "keep", "levels": [{ "quorum": 2 }] }])).await;
    let waits = owner.submit("janitor", "keep", json!({ "things": ["d"] })).await;
    let approval = owner.becomes(&waits, "awaiting_approval").await["approval"].as_str().unwrap().to_owned();
    let (alice, a) = somebody(&owner).await;
    let [first, second] = [made(&admin, &approval, &a).await, made(&admin, &approval, &a).await];
    let noted = press(&host, &first, 1, "approve", "").await;
    assert!(noted.text.contains("others have to approve"), "{}", noted.text);
    let twice = press(&host, &second, 2, "approve", "").await;
    assert_eq!((twice.status, twice.text.contains("counts once")), (403, true), "{}", twice.text);
    say(&alice, &approval, "approve", "again").await.problem(403, "approval.denied");
    let stale = press(&host, &made(&admin, &approval, &who).await, 1, "approve", "").await;
    assert_eq!((stale.status, stale.text.contains("Open the link again")), (409, true), "{}", stale.text);
    press(&host, &made(&admin, &approval, &who).await, 2, "approve", "").await;
    assert_eq!(owner.ended(&waits).await["status"], "completed");
}

#[tokio::test]
async fn what_is_forged_over_or_void_decides_nothing_and_says_why() {
    let mut host = host().await;
    let owner = host.client();
    let (admin, (_, who)) = (admin(&owner).await, somebody(&owner).await);
    let (task, approval) = asked(&owner).await;
    let good = made(&admin, &approval, &who).await;
    let (payload, signature) = good.split_once('.').unwrap();
    let other = made(&admin, &approval, &who).await;
    let mixed = format!("{payload}.{}", other.split_once('.').unwrap().1);
    let long = "x".repeat(3_000);
    let cut = format!("{payload}.{}", signature.split_at(40).0);
    for forged in ["", "x", ".", payload, mixed.as_str(), cut.as_str(), long.as_str()] {
        let page = open(&host, forged).await;
        assert_eq!((page.status, page.text.contains("none of this host")), (403, true), "{forged}: {}", page.text);
        let page = press(&host, forged, 1, "approve", "").await;
        assert_eq!(page.status, 403, "{forged}: {}", page.text);
    }
    assert_eq!(browser(&host).get("/approve").await.status, 400);
    // A form of another page names another origin; JSON is no form.
    let form = format!("link={good}&revision=1&decision=approve");
    assert_eq!(send(&host, form, Some("https://evil.example")).await.status, 403);
    let document = json!({ "link": good, "revision": 1, "decision": "approve" });
    assert_eq!(browser(&host).post("/approve", &document).await.status, 400);

    let short = link(&admin, &approval, json!({ "for": who, "expires_after_ms": 1 })).await.of(201);
    let short = short["path"].as_str().unwrap().strip_prefix("/approve?link=").unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let page = press(&host, &short, 1, "approve", "").await;
    assert_eq!((page.status, page.text.contains("was good until")), (403, true), "{}", page.text);

    // A link outlives the host, and what it is about may not.
    host.kill().await;
    host.start().await;
    let owner = host.client();
    assert_eq!(open(&host, &good).await.status, 200);
    owner.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    becomes(&owner, &approval, "cancelled").await;
    let page = press(&host, &good, 2, "approve", "").await;
    assert_eq!((page.status, page.text.contains("nothing is to be decided")), (409, true), "{}", page.text);
    assert_eq!(kept(&owner).await, json!(["a", "b", "c"]));
}

#[tokio::test]
async fn a_link_is_made_by_who_may_and_is_for_who_may_approve_at_that_moment() {
    let host = host().await;
    let owner = host.client();
    let (admin, (alice, who)) = (admin(&owner).await, somebody(&owner).await);
    let (task, approval) = asked(&owner).await;
    // Whoever asked hands nothing on, to nobody.
    link(&owner, &approval, json!({ "for": who })).await.problem(403, "approval.denied");
    // One's own, and no other's without `admin`.
    let (_, other) = somebody(&owner).await;
    link(&alice, &approval, json!({ "for": other })).await.problem(403, "auth.scope");
    let own = made(&alice, &approval, &who).await;
    let reader = owner.with_key("default", &["read"]).await;
    let reads = reader.get("/api/v1/whoami").await.of(200)["principal"].as_str().unwrap().to_owned();
    for nobody in [reads.as_str(), "key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b", "alice", ""] {
        link(&admin, &approval, json!({ "for": nobody })).await.problem(400, "request.invalid");
    }
    link(&admin, &approval, json!({ "for": who, "expires_after_ms": 0 })).await.problem(400, "request.invalid");
    link(&admin, &approval, json!({ "for": who, "expires_after_ms": 999_999_999_999_u64 }))
        .await
        .problem(400, "request.invalid");
    // The owner asked for the task, so its link decides nothing either.
    let owners = made(&admin, &approval, "owner").await;
    let page = press(&host, &owners, 1, "approve", "").await;
    assert_eq!((page.status, page.text.contains("asked for the task")), (403, true), "{}", page.text);
    // A key that is revoked takes its links with it.
    owner.post(&format!("/api/v1/keys/{}/revoke", who.strip_prefix("key/").unwrap()), &Value::Null).await.of(200);
    let page = press(&host, &own, 1, "approve", "").await;
    assert_eq!(page.status, 401, "{}", page.text);
    assert_eq!(get(&owner, &approval).await["status"], "pending");
    owner.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    becomes(&owner, &approval, "cancelled").await;
    link(&admin, &approval, json!({ "for": other })).await.problem(409, "approval.decided");
}

#[tokio::test]
async fn what_a_guest_wrote_is_text_on_the_page() {
    let host = host().await;
    let owner = host.client();
    let (admin, (_, who)) = (admin(&owner).await, somebody(&owner).await);
    let evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>";
    let action = json!({ "text": evil, "turned": "a\u{202e}b", "</dd>": 1 });
    let input = json!({ "summary": "<b>\"safe\" & 'sound'</b>", "action": action, "wait": true });
    let task = owner.submit("janitor", "show", input).await;
    let approval = approval_of(&owner, &task).await;
    let page = open(&host, &made(&admin, &approval, &who).await).await;
    assert!(page.text.contains("&lt;b&gt;&quot;safe&quot; &amp; &#39;sound&#39;&lt;/b&gt;"), "{}", page.text);
    for markup in ["<script", "<img", "<b>", "\u{202e}"] {
        assert!(!page.text.contains(markup), "{markup}: {}", page.text);
    }
    assert_eq!(page.text.matches("<pre>").count(), page.text.matches("</pre>").count());
    assert!(page.text.contains("a\\u{202e}b"), "{}", page.text);
}
