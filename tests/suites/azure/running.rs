//! The agent on a host that has a credential, whose requests to Azure go where the operator's table `[endpoints]` says:
//! to a service that takes tokens of Entra alone, pages, throttles and denies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::identity::entra::{CLIENT, Entra, SCOPE, TENANT};
use troupe_tests::service::{Reply, Request, Service};

use crate::credentials::write_document;
use crate::plugin_host;

/// The secret of the application, which is searched for afterwards.
const SECRET: &str = "Q8f8Q~canary-of-the-estate";

const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

fn id(rest: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{rest}")
}

fn row(kind: &str, name: &str, properties: &Value) -> Value {
    json!({ "id": id(&format!("{kind}/{name}")), "type": kind.to_lowercase(), "name": name, "location": "westeurope",
        "subscriptionId": SUBSCRIPTION, "resourceGroup": "shop", "properties": properties })
}

/// What Resource Graph tells on the page after a token.
fn page(after: &Value) -> Value {
    if after == "two" {
        let disk = row("Microsoft.Compute/disks", "data", &json!({ "diskSizeGB": 64, "diskState": "Unattached" }));
        return json!({ "totalRecords": 2, "count": 1, "data": [disk] });
    }
    let machine =
        row("Microsoft.Compute/virtualMachines", "web", &json!({ "hardwareProfile": { "vmSize": "Standard_B2s" } }));
    json!({ "totalRecords": 2, "count": 1, "data": [machine], "$skipToken": "two" })
}

fn denied() -> Reply {
    let message = format!("The client '{CLIENT}' does not have authorization to perform action");
    Reply::json(403, &json!({ "error": { "code": "AuthorizationFailed", "message": message } }))
}

/// The agent on a host with an application of Entra, whose requests to Azure are answered by `answers`.
async fn host_of(answers: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Host, Entra, Service) {
    let mut host = plugin_host("azure").with_secret("ENTRA_SECRET", SECRET);
    let entra = Entra::start(host.canaries(), SECRET, Duration::from_secs(3_600)).await;
    let api = entra.guarding(answers).await;
    let document = format!(
        "[tenant.default.credentials.\"azure:default\"]\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
         scope = \"{SCOPE}\"\nauthority = \"{}\"\nclient_secret = {{ env = \"ENTRA_SECRET\" }}\n\n\
         [endpoints]\n\"management.azure.com\" = \"{}\"\n",
        entra.service.url(),
        api.url(),
    );
    write_document(&host, &document);
    host.start().await;
    (host, entra, api)
}

/// Azure, as far as it is asked here.
fn azure(request: &Request, throttled: &AtomicBool) -> Reply {
    let path = request.target.split('?').next().unwrap();
    if path == "/providers/Microsoft.ResourceGraph/resources" {
        assert_eq!(request.method, "POST");
        if !throttled.swap(true, Ordering::SeqCst) {
            let busy = json!({ "error": { "code": "RateLimiting", "message": "Please provide below info" } });
            return Reply::json(429, &busy).with("retry-after", "1");
        }
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        if asked["query"].as_str().unwrap().starts_with("authorizationresources") {
            return denied();
        }
        return Reply::json(200, &page(&asked["options"]["$skipToken"]));
    }
    if path == format!("/subscriptions/{SUBSCRIPTION}") {
        let told = json!({ "id": path, "subscriptionId": SUBSCRIPTION, "displayName": "Shop", "state": "Enabled" });
        return Reply::json(200, &told);
    }
    if path.ends_with("/web") || path.contains("/virtualMachines/") {
        return Reply::json(200, &json!({ "value": [] }));
    }
    denied()
}

#[tokio::test]
async fn it_lists_by_a_token_of_entra_that_no_guest_sees_and_says_what_was_denied() {
    let throttled = AtomicBool::new(false);
    let (mut host, entra, api) = host_of(move |request| azure(request, &throttled)).await;
    let input = json!({ "subscriptions": [SUBSCRIPTION], "types": ["Microsoft.Compute", "Microsoft.Authorization"] });
    let output = host.client().run("azure", "inventory", input).await.output();
    let names: Vec<&str> =
        output["resources"].as_array().unwrap().iter().filter_map(|resource| resource["name"].as_str()).collect();
    assert!(names.contains(&"web") && names.contains(&"data") && names.contains(&"Shop"), "{output:#}");
    // What was denied is a row that says what it hides; what was throttled came after a wait.
    let errors = output["errors"].as_array().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error["kind"] == "denied"), "{errors:#?}");
    assert!(errors.iter().all(|error| error["code"] == "AuthorizationFailed"), "{errors:#?}");
    // Each request came for the cloud's own host, by one token.
    assert_eq!(entra.exchanges(), 1);
    assert!(api.seen().iter().all(|request| request.header("authorization").is_some()));
    // A subscription that exists nowhere else is asked of nobody else.
    assert!(host.stop().await.success());
}

/// A subscription whose costs nobody may ask for.
const CLOSED: &str = "66666666-7777-8888-9999-000000000000";

/// Cost Management: it asks for patience once, then tells a table in two pages of what March of 2026 cost by service.
fn costs(request: &Request, throttled: &AtomicBool) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap();
    assert_eq!(request.method, "POST", "{path}");
    if path != format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.CostManagement/query") {
        return denied();
    }
    if !throttled.swap(true, Ordering::SeqCst) {
        let busy = json!({ "error": { "code": "429", "message": "Too many requests. Please retry." } });
        return Reply::json(429, &busy).with("x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after", "1");
    }
    let asked: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(asked["timePeriod"], json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-31T23:59:59Z" }));
    assert_eq!(asked["dataset"]["grouping"], json!([{ "type": "Dimension", "name": "ServiceName" }]));
    let is_second = query.contains("skiptoken=two");
    let service = if is_second { "Storage" } else { "Virtual Machines" };
    let row = |day: i64| json!([if is_second { 0.25 } else { 2.5 }, 20_260_300 + day, service, "EUR"]);
    let columns = ["PreTaxCost", "UsageDate", "ServiceName", "Currency"].map(|name| json!({ "name": name }));
    let next = format!("https://management.azure.com{path}?api-version=2023-11-01&$skiptoken=two");
    let next = if is_second { Value::Null } else { json!(next) };
    let rows: Vec<Value> = (1..=31).map(row).collect();
    Reply::json(200, &json!({ "properties": { "nextLink": next, "columns": columns, "rows": rows } }))
}

#[tokio::test]
async fn it_tells_costs_by_posts_that_read_and_may_send_no_other() {
    let throttled = AtomicBool::new(false);
    let (mut host, entra, api) = host_of(move |request| costs(request, &throttled)).await;
    let client = host.client();
    let input =
        json!({ "subscriptions": [SUBSCRIPTION, CLOSED], "from": "2026-03-01", "to": "2026-04-01", "by": ["service"] });
    let output = client.run("azure", "cost-report", input).await.output();
    let bills = output["bills"].as_array().unwrap();
    assert_eq!(
        (bills.len(), &bills[0]["currency"], &bills[0]["total"]),
        (1, &json!("EUR"), &json!(85.25)),
        "{output:#}"
    );
    let rows: Vec<(&Value, &Value)> =
        bills[0]["by"][0]["rows"].as_array().unwrap().iter().map(|row| (&row["key"], &row["cost"])).collect();
    assert_eq!(rows, [(&json!("Virtual Machines"), &json!(77.5)), (&json!("Storage"), &json!(7.75))]);
    let errors = output["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!((&errors[0]["account"], &errors[0]["code"]), (&json!(CLOSED), &json!("AuthorizationFailed")));
    assert_eq!(entra.exchanges(), 1);
    assert_eq!(api.seen().len(), 4, "one that was refused for now, two pages, and one that was denied");

    let may = async |asked: String| {
        let question = json!({ "question": format!("http POST https://management.azure.com{asked}"), "credential": "azure:default" });
        client.post("/api/v1/deployments/azure/grants/explain", &question).await.of(200)
    };
    let told =
        may(format!("/subscriptions/{CLOSED}/providers/Microsoft.CostManagement/query?api-version=2023-11-01")).await;
    assert_eq!((&told["allowed"], &told["effect"]), (&json!(true), &json!("read")), "{told:#}");
    for denied in [
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.CostManagement/query"),
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.CostManagement/generateCostDetailsReport"),
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts/a/listKeys"),
        format!("/subscriptions/{SUBSCRIPTION}%2Fx/providers/Microsoft.CostManagement/query"),
        "/subscriptions/;x/providers/Microsoft.CostManagement/query".to_owned(),
        "/subscriptions/providers/Microsoft.CostManagement/query".to_owned(),
    ] {
        let told = may(denied.clone()).await;
        assert_eq!(told["allowed"], json!(false), "{denied}: {told:#}");
    }
    assert!(host.stop().await.success());
}
