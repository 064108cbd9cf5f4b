//! Resource Graph is asked first, to its end, and Resource Manager where it may not be.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::cloud::{Asked, GRAPH, S1, S2, cloud, error, graph, inventory, list, object, resource, subscription};

const DISK: &str = "azure.microsoft.compute/disks";

fn disk(name: &str) -> Value {
    object("Microsoft.Compute/disks", name, json!({ "diskSizeGB": 4 }))
}

#[test]
fn pages_are_followed_for_all_subscriptions_in_one_query() {
    let bodies: Rc<RefCell<Vec<Value>>> = Rc::default();
    let asked_for = Rc::clone(&bodies);
    let _host = cloud(move |asked| match asked.path.as_str() {
        "/subscriptions" => Some(list(&[subscription(S2), subscription(S1)])),
        GRAPH => {
            asked_for.borrow_mut().push(asked.body.clone());
            let token = asked.body["options"]["$skipToken"].as_str();
            Some(if token.is_some() { graph(&[disk("b"), disk("c")], None) } else { graph(&[disk("a")], Some("more")) })
        }
        _ => None,
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!(found["counts"], json!({ DISK: 3, "azure.microsoft.resources/subscriptions": 2 }));
    assert_eq!((&found["subscriptions"], &found["errors"]), (&json!([S1, S2]), &json!([])));
    let bodies = bodies.borrow();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["subscriptions"], json!([S1, S2]));
    assert_eq!(bodies[0]["query"], "resources | where type in~ ('microsoft.compute/disks') | order by id asc");
    assert_eq!(bodies[1]["options"]["$skipToken"], "more");
}

#[test]
fn rows_as_a_table_are_the_same() {
    let columns = ["id", "type", "name", "location", "properties"];
    let row = disk("a");
    let cells: Vec<Value> = columns.iter().map(|name| row[*name].clone()).collect();
    let columns: Vec<Value> = columns.iter().map(|name| json!({ "name": name, "type": "string" })).collect();
    let answer = json!({ "totalRecords": 1, "count": 1, "data": { "columns": columns, "rows": [cells] } });
    let _host = cloud(move |asked| (asked.path == GRAPH).then(|| Answer::json(200, &answer)));
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!(resource(&found, "/disks/a")["attributes"]["size_gib"], 4);
}

#[test]
fn where_it_is_denied_resource_manager_is_asked_and_the_denial_is_told() {
    for (status, code, kind) in
        [(403, "AuthorizationFailed", "denied"), (400, "NoRegisteredProviderFound", "not_available")]
    {
        let _host = cloud(move |asked| match asked.path.as_str() {
            GRAPH => Some(error(status, code)),
            "/subscriptions/S1/providers/microsoft.compute/disks" => Some(list(&[disk("a")])),
            _ => None,
        });
        let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
        assert_eq!(found["counts"][DISK], 1);
        let errors = found["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_eq!((&errors[0]["kind"], &errors[0]["code"]), (&json!(kind), &json!(code)));
        assert_eq!((&errors[0]["service"], errors[0].get("hides")), (&json!("microsoft.resourcegraph"), None));
    }
}

#[test]
fn where_it_is_denied_for_some_subscriptions_resource_manager_is_asked_about_those_alone() {
    // A query names a thousand subscriptions, so these are two.
    let ids: Vec<String> = (0..1_001).map(|number| format!("00000000-0000-0000-0000-{number:012}")).collect();
    let (last, named) = (ids[1_000].clone(), ids.clone());
    let of = |id: &str, name: &str| {
        json!({ "id": format!("/subscriptions/{id}/resourceGroups/web/providers/Microsoft.Compute/disks/{name}"),
                "name": name, "type": "Microsoft.Compute/disks", "properties": {} })
    };
    let _host = cloud(move |asked| match asked.path.as_str() {
        GRAPH if asked.body["subscriptions"][0] == json!(ids[0]) => Some(graph(&[of(&ids[0], "a")], None)),
        GRAPH => Some(error(403, "AuthorizationFailed")),
        path if path.ends_with("/providers/microsoft.compute/disks") => {
            assert!(path.contains(&last), "{path} was told by Resource Graph");
            Some(list(&[of(&last, "b")]))
        }
        path => Some(Answer::json(200, subscription(path.rsplit('/').next().unwrap()))),
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "subscriptions": named }));
    assert_eq!((&found["counts"][DISK], found["errors"].as_array().unwrap().len()), (&json!(2), 1));
}

#[test]
fn what_a_page_tells_again_counts_once() {
    let again = |name: &str| {
        let mut row = disk(name);
        row["id"] = json!(row["id"].as_str().unwrap().to_ascii_uppercase());
        row
    };
    let _host = cloud(move |asked| {
        (asked.path == GRAPH).then(|| {
            let is_first = asked.body["options"].get("$skipToken").is_none();
            if is_first { graph(&[disk("a"), disk("b")], Some("more")) } else { graph(&[again("b"), disk("c")], None) }
        })
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!((&found["counts"][DISK], &found["errors"]), (&json!(3), &json!([])));
}

#[test]
fn a_query_that_fails_on_the_way_keeps_what_came_and_says_what_may_be_missing() {
    let _host = cloud(|asked| {
        (asked.path == GRAPH).then(|| {
            let is_first = asked.body["options"].get("$skipToken").is_none();
            if is_first { graph(&[disk("a")], Some("more")) } else { error(403, "AuthorizationFailed") }
        })
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!(found["counts"][DISK], 1);
    assert_eq!((&found["errors"][0]["kind"], &found["errors"][0]["hides"]), (&json!("denied"), &json!([DISK])));
}

#[test]
fn fewer_rows_than_it_counts_are_a_list_that_is_cut_off() {
    let answer = json!({ "totalRecords": 5, "count": 1, "data": [disk("a")], "resultTruncated": "true" });
    let _host = cloud(move |asked| (asked.path == GRAPH).then(|| Answer::json(200, &answer)));
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!((&found["errors"][0]["code"], &found["errors"][0]["hides"]), (&json!("cut_off"), &json!([DISK])));
}

#[test]
fn what_it_does_not_have_is_listed_all_the_same() {
    let lock = object("Microsoft.Authorization/locks", "keep", json!({ "level": "CanNotDelete" }));
    let _host = cloud(move |asked| (asked.path.ends_with("/locks")).then(|| list(std::slice::from_ref(&lock))));
    let found = inventory(json!({ "types": ["Microsoft.Authorization"] }));
    assert_eq!(resource(&found, "/locks/keep")["attributes"]["level"], "CanNotDelete");
    assert_eq!(found["errors"], json!([]));
}

#[test]
fn it_is_not_asked_when_the_caller_does_not_want_it() {
    let _host = cloud(|asked: &Asked| {
        assert_ne!(asked.path, GRAPH);
        asked.path.ends_with("microsoft.compute/disks").then(|| list(&[disk("a")]))
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "source": "resource_manager" }));
    assert_eq!((&found["counts"][DISK], &found["errors"]), (&json!(1), &json!([])));
}

#[test]
fn a_table_of_its_own_is_asked_for_roles_subscriptions_and_advice() {
    let tables: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = Rc::clone(&tables);
    let _host = cloud(move |asked| {
        if asked.path == GRAPH {
            let query = asked.body["query"].as_str().unwrap_or_default();
            seen.borrow_mut().push(query.split(' ').next().unwrap_or_default().to_owned());
        }
        None
    });
    inventory(json!({}));
    let mut tables = tables.borrow().clone();
    tables.sort();
    assert_eq!(
        tables,
        ["advisorresources", "authorizationresources", "resourcecontainers", "resources", "securityresources"]
    );
}

#[test]
fn more_than_an_output_holds_is_left_as_artefacts_page_by_page() {
    let host = cloud(|asked| {
        (asked.path == GRAPH).then(|| {
            let page: usize = asked.body["options"]["$skipToken"].as_str().map_or(0, |token| token.parse().unwrap());
            let rows: Vec<Value> = (0..1_000).map(|number| disk(&format!("disk-{page}-{number}"))).collect();
            let next = (page + 1).to_string();
            graph(&rows, (page < 9).then_some(next.as_str()))
        })
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"] }));
    assert_eq!(
        (&found["counts"][DISK], &found["resources"], &found["errors"]),
        (&json!(10_000), &json!([]), &json!([]))
    );
    let parts = found["parts"].as_array().unwrap();
    let entries: u64 = parts.iter().map(|part| part["entries"].as_u64().unwrap()).sum();
    let lines: usize =
        host.artifacts().iter().map(|left| left.bytes.iter().filter(|byte| **byte == b'\n').count()).sum();
    assert_eq!((entries, lines), (10_001, 10_001), "the disks and the subscription");
}
