//! What is checked, from files and from agents that are asked: an input holds a megabyte, an estate does not fit.

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::{Host, perform};
use troupe_sdk::{CapabilityError, Failure, Problem};

use super::documents::{host, open_group};

fn lines(resources: &[Value]) -> String {
    resources.iter().map(|resource| format!("{resource}\n")).collect()
}

fn high(input: Value) -> (u64, u64) {
    let told = perform::<Security>("check", input).unwrap();
    (told["resources"].as_u64().unwrap(), told["open"]["high"].as_u64().unwrap_or_default())
}

fn groups(count: usize) -> Vec<Value> {
    (0..count).map(|number| open_group(&format!("sg-{number:05}"))).collect()
}

/// What an answer says of a part.
fn part(number: usize, text: &str, sha256: &str) -> Value {
    json!({ "name": format!("resources-{number:05}.jsonl"), "entries": text.lines().count(), "bytes": text.len(),
        "sha256": sha256, "counts": {}, "first": "a", "last": "b" })
}

/// A plan whose resources are as many queues that are not encrypted.
fn plan(count: usize) -> String {
    let queue = |number: usize| {
        json!({ "address": format!("aws_sqs_queue.q{number}"), "mode": "managed", "type": "aws_sqs_queue", "name": format!("q{number}"),
            "values": { "name": format!("q{number}"), "policy": "x".repeat(100), "sqs_managed_sse_enabled": false, "kms_master_key_id": null } })
    };
    let resources: Vec<Value> = (0..count).map(queue).collect();
    json!({ "format_version": "1.2", "terraform_version": "1.9.0", "planned_values": { "root_module": { "resources": resources } } })
        .to_string()
}

#[test]
fn an_estate_is_read_from_files_in_every_form_in_which_agents_leave_it() {
    let all = groups(5_000);
    let text = lines(&all);
    assert!(text.len() > 1024 * 1024, "more than an input holds");
    let problem = json!({ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets", "code": "AccessDenied",
        "message": "no", "kind": "denied", "count": 1 });
    let answer = json!({ "account": "1", "counts": {}, "resources": &all[..3], "errors": [problem], "areas": [{ "provider": "aws" }] });
    let task = json!({ "id": "t", "output": answer });
    let _host = host()
        .file("inventories", "aws/resources-00001.jsonl", &text)
        .file("inventories", "answer.json", serde_json::to_string_pretty(&answer).unwrap())
        .file("inventories", "task.json", serde_json::to_string_pretty(&task).unwrap())
        .file("inventories", "list.json", serde_json::to_string_pretty(&all[..4]).unwrap());
    let rules = json!(["aws.ec2.admin-port-open"]);
    assert_eq!(high(json!({ "files": ["aws/resources-00001.jsonl"], "rules": rules })), (5_000, 5_000));
    assert_eq!(high(json!({ "files": ["list.json"], "rules": rules, "resources": [open_group("sg-x")] })), (5, 5));
    for file in ["answer.json", "task.json"] {
        let told = perform::<Security>("check", json!({ "files": [file], "rules": rules })).unwrap();
        assert_eq!((&told["open"]["high"], &told["problems"][0]["code"]), (&json!(3), &json!("AccessDenied")));
    }
    // What the inventory looked at is known from its answer, so what is not there any more is fixed.
    let previous = perform::<Security>("check", json!({ "files": ["list.json"], "rules": rules })).unwrap();
    let now = json!({ "files": ["answer.json"], "rules": rules, "previous": previous["findings"] });
    let told = perform::<Security>("check", now).unwrap();
    assert_eq!(told["changes"]["counts"], json!({ "same": 3, "fixed": 1 }));
    // The other skills read them, too.
    let told = perform::<Security>("paths", json!({ "files": ["answer.json"] })).unwrap();
    assert_eq!(told["exposed"], 3);
    let told = perform::<Security>("report", json!({ "files": ["answer.json"], "rules": rules })).unwrap();
    assert_eq!(told["open"], 3);
}

#[test]
fn a_plan_of_more_than_an_input_holds_is_read_and_so_is_a_directory_of_documents() {
    let plan = plan(4_000);
    assert!(plan.len() > 1024 * 1024);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { hostNetwork: true, containers: [{ name: c, image: i }] }\n";
    let stack = "Resources:\n  Q: { Type: AWS::SQS::Queue, Properties: { SqsManagedSseEnabled: false } }\n";
    let _host = host()
        .file("documents", "live/plan.json", &plan)
        .file("documents", "code/k8s/pod.yaml", pod)
        .file("documents", "code/stack.template", stack)
        .file("documents", "code/README.md", "none of it")
        .file("documents", "code/.terraform/plan.json", &plan)
        .file("documents", "code/latin.yaml", b"a: \xff\n");
    let rules = json!(["aws.sqs.unencrypted"]);
    let told = perform::<Security>(
        "check",
        json!({ "document_files": ["live/plan.json"], "rules": rules, "inline_max": 5_000 }),
    )
    .unwrap();
    assert_eq!(told["open"], json!({ "medium": 4_000 }), "{}", told["problems"]);
    assert_eq!(told["findings"][0]["place"]["file"], "live/plan.json");
    for path in ["code", "code/"] {
        let told = perform::<Security>("check", json!({ "document_files": [path] })).unwrap();
        assert_eq!(told["resources"], 2, "{}", told["problems"]);
        let unread: Vec<&Value> =
            told["problems"].as_array().unwrap().iter().filter(|row| row["code"] == "unreadable").collect();
        assert_eq!(unread[0]["resource"], "code/latin.yaml", "{unread:?}");
    }
    let told =
        perform::<Security>("check", json!({ "document_files": ["."], "rules": rules, "inline_max": 5_000 })).unwrap();
    assert_eq!(told["open"], json!({ "medium": 4_001 }));
}

#[test]
fn agents_are_asked_for_what_there_is() {
    let answer = json!({ "resources": groups(3), "errors": [], "parts": [] });
    let host = host().agent("aws", "inventory", move |_| Ok(answer.clone()));
    let input = json!({ "inventories": [{ "cloud": "aws", "input": { "regions": ["eu-west-1"] } }], "rules": ["aws.ec2.admin-port-open"] });
    assert_eq!(high(input), (3, 3));
    assert_eq!(host.asked(), [("aws".to_owned(), "inventory".to_owned(), json!({ "regions": ["eu-west-1"] }))]);
}

#[test]
fn an_inventory_in_artefacts_says_where_to_put_them_and_its_answer_which_are_missing() {
    let halves = [lines(&groups(2)), lines(&groups(4)[2..])];
    let answer =
        json!({ "resources": [], "parts": [part(1, &halves[0], "00"), part(2, &halves[1], "01")], "errors": [] });
    let told = answer.clone();
    let _host = host()
        .agent("gcp", "inventory", move |_| Ok(told.clone()))
        .file("inventories", "answer.json", answer.to_string())
        .file("inventories", "a/resources-00001.jsonl", &halves[0])
        .file("inventories", "a/resources-00002.jsonl", &halves[1]);
    let failure = perform::<Security>("check", json!({ "inventories": [{ "cloud": "gcp" }] })).unwrap_err();
    let Failure::Failed(problem) = &failure else { panic!("{failure:?}") };
    assert_eq!(problem.code(), Some("security.in_artefacts"));
    for part in ["`resources-00002.jsonl`", "--artifact", "`inventories`", "`files`"] {
        assert!(problem.message.contains(part), "{part}: {}", problem.message);
    }
    let rules = json!(["aws.ec2.admin-port-open"]);
    let files = json!(["answer.json", "a/resources-00001.jsonl"]);
    let failure = perform::<Security>("check", json!({ "files": files, "rules": rules })).unwrap_err();
    assert!(failure.to_string().contains("`resources-00002.jsonl` is not among the files"), "{failure}");
    let files = json!(["answer.json", "a/resources-00001.jsonl", "a/resources-00002.jsonl"]);
    assert_eq!(high(json!({ "files": files, "rules": rules })), (4, 4));
}

#[test]
fn each_part_that_answers_name_is_a_file_of_its_own() {
    // Both agents give their parts the same names, and these two the same length.
    let (one, other) = (lines(&groups(1)), lines(&groups(2)[1..]));
    assert_eq!(one.len(), other.len());
    let answer = |text: &str, sha256: &str| json!({ "parts": [part(1, text, sha256)] }).to_string();
    let _host = host()
        .file("inventories", "aws/answer.json", answer(&one, "00"))
        .file("inventories", "aws/task.json", format!("{{\"output\": {}}}", answer(&one, "00")))
        .file("inventories", "aws/resources-00001.jsonl", &one)
        .file("inventories", "azure/answer.json", answer(&other, "01"))
        .file("inventories", "azure/resources-00001.jsonl", &other)
        .file("inventories", "longer/resources-00001.jsonl", lines(&groups(3)));
    let rules = json!(["aws.ec2.admin-port-open"]);
    let both = ["aws/answer.json", "aws/resources-00001.jsonl", "azure/answer.json"];
    for more in [None, Some("aws/resources-00001.jsonl"), Some("longer/resources-00001.jsonl")] {
        let files: Vec<&str> = both.into_iter().chain(more).collect();
        let failure = perform::<Security>("check", json!({ "files": files, "rules": rules })).unwrap_err();
        let says = "the answer in `azure/answer.json` has its resources in artefacts";
        assert!(failure.to_string().contains(says), "{files:?}: {failure}");
    }
    let files: Vec<&str> = both.into_iter().chain(["aws/task.json", "azure/resources-00001.jsonl"]).collect();
    assert_eq!(high(json!({ "files": files, "rules": rules })), (2, 2));
}

#[test]
fn all_agents_are_asked_before_one_is_waited_for() {
    let fails = |_| Err(Failure::failed("no"));
    let host = host().agent("aws", "inventory", fails).agent("azure", "inventory", fails);
    perform::<Security>("check", json!({ "inventories": [{ "cloud": "aws" }, { "cloud": "azure" }] })).unwrap_err();
    assert_eq!(host.asked().len(), 2);
}

#[test]
fn a_file_from_which_nothing_comes_is_refused() {
    let host = host()
        .file("inventories", "null.json", "null")
        .file("inventories", "failed.json", json!({ "id": "t", "status": "failed", "output": null }).to_string())
        .file("inventories", "empty.jsonl", "")
        .file("inventories", "blank.jsonl", "\n")
        .file("inventories", "nothing.json", "[]");
    for field in ["files", "previous_files"] {
        for file in ["null.json", "failed.json", "blank.jsonl"] {
            let failure = perform::<Security>("check", json!({ field: [file] })).unwrap_err();
            assert!(failure.to_string().contains(&format!("the file `{file}` holds no ")), "{field}: {failure}");
        }
        perform::<Security>("check", json!({ field: ["nothing.json"] })).unwrap();
    }
    perform::<Security>("check", json!({ "files": ["empty.jsonl"] })).unwrap_err();
    // A report on what has no findings leaves such a file.
    perform::<Security>("report", json!({ "formats": ["jsonl"] })).unwrap();
    assert_eq!(host.artifact("findings.jsonl").unwrap().bytes, b"");
    perform::<Security>("check", json!({ "previous_files": ["empty.jsonl"] })).unwrap();
}

#[test]
fn a_document_that_is_named_twice_is_read_once() {
    let trail = "Resources:\n  T: { Type: AWS::CloudTrail::Trail, Properties: { IsMultiRegionTrail: false, IsLogging: true } }\n";
    let _host = host().file("documents", "a.yaml", trail).file("documents", "b.yaml", trail);
    for files in [json!([".", "a.yaml"]), json!(["a.yaml", "b.yaml", "a.yaml"])] {
        let input = json!({ "document_files": files, "rules": ["aws.cloudtrail.all-regions"] });
        let told = perform::<Security>("check", input).unwrap();
        assert_eq!((&told["resources"], &told["open"]["medium"]), (&json!(2), &json!(2)), "{files}");
    }
}

#[test]
fn what_is_told_beside_resources_counts_as_well() {
    let row = json!({ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets", "code": "AccessDenied",
        "message": "x".repeat(10_000_000), "kind": "denied", "count": 1 });
    let _host = (0..6).fold(host(), |host, number| {
        let answer = json!({ "resources": [], "errors": [row] });
        host.file("inventories", &format!("{number}.json"), answer.to_string())
    });
    let files: Vec<String> = (0..6).map(|number| format!("{number}.json")).collect();
    let failure = perform::<Security>("check", json!({ "files": files })).unwrap_err();
    assert!(failure.to_string().contains("bytes of resources"), "{failure}");
}

#[test]
fn the_findings_that_a_check_left_as_artefacts_come_back_as_the_last_time() {
    let all = lines(&groups(1_000));
    let rules = json!(["aws.ec2.admin-port-open"]);
    let first = host().file("inventories", "all.jsonl", &all);
    let told = perform::<Security>("check", json!({ "files": ["all.jsonl"], "rules": rules })).unwrap();
    assert_eq!(told["artefacts"]["entries"], 1_000);
    let left = first.artifact("findings-00001.jsonl").unwrap().bytes;
    let _host = host()
        .file("inventories", "some.jsonl", lines(&groups(1_001)[1..]))
        .file("inventories", "check.json", told.to_string())
        .file("inventories", "findings-00001.jsonl", &left);
    let asked = |files: Value| {
        json!({ "files": ["some.jsonl"], "rules": rules, "areas": [{ "provider": "aws" }], "previous_files": files,
            "inline_max": 5_000 })
    };
    for skill in ["check", "report"] {
        let told = perform::<Security>(skill, asked(json!(["findings-00001.jsonl"]))).unwrap();
        assert_eq!(told["changes"]["counts"], json!({ "new": 1, "same": 999, "fixed": 1 }), "{skill}");
    }
    // The answer has the worst of them alone, and says where the others are.
    let failure = perform::<Security>("check", asked(json!(["check.json"]))).unwrap_err();
    assert!(failure.to_string().contains("`findings-00001.jsonl` is not among the files"), "{failure}");
    let told = perform::<Security>("check", asked(json!(["check.json", "findings-00001.jsonl"]))).unwrap();
    assert_eq!(told["changes"]["counts"], json!({ "new": 1, "same": 999, "fixed": 1 }));
}

#[test]
fn without_the_grant_it_is_named_with_the_way_to_give_it() {
    let denied = || CapabilityError::Denied(Problem::new("`files.read` was denied"));
    for (input, line) in [
        (json!({ "files": ["a.jsonl"] }), "files/inventories"),
        (json!({ "previous_files": ["a.jsonl"] }), "files/inventories"),
        (json!({ "document_files": ["plan.json"] }), "files/documents"),
        (json!({ "inventories": [{ "cloud": "azure" }] }), "agents/azure/inventory"),
    ] {
        let _host = host().files_fail(denied());
        let failure = perform::<Security>("check", input).unwrap_err();
        let Failure::Denied(problem) = &failure else { panic!("{failure:?}") };
        assert_eq!(problem.code(), Some("security.not_granted"));
        assert!(problem.message.contains(&format!("troupe grant add security {line}")), "{}", problem.message);
    }
}

#[test]
fn what_is_not_there_or_holds_something_else_is_named() {
    let _host = host()
        .file("inventories", "text.jsonl", "none\n")
        .file("inventories", "half.jsonl", "{\"id\": \"a\",")
        .file("inventories", "other.json", "{\"a\": 1}")
        .file("inventories", "long.jsonl", format!("{{\"id\": \"{}\"}}", "a".repeat(17_000_000)))
        .file("documents", "empty/README.md", "none");
    for (input, says) in [
        (json!({ "files": ["gone.jsonl"] }), "no file `gone.jsonl` in the directory `inventories`"),
        (json!({ "files": ["text.jsonl"] }), "line 1 of the file `text.jsonl` holds none of its resources"),
        (json!({ "files": ["half.jsonl"] }), "EOF"),
        (json!({ "files": ["other.json"] }), "missing field"),
        (json!({ "files": ["long.jsonl"] }), "longer than 16777216 bytes"),
        (json!({ "files": ["../text.jsonl"] }), "denied"),
        (json!({ "document_files": ["gone.json"] }), "no file `gone.json` in the directory `documents`"),
        (json!({ "document_files": ["empty"] }), "has no files of json, yaml"),
    ] {
        let failure = perform::<Security>("check", input.clone()).unwrap_err();
        assert!(matches!(failure, Failure::InvalidInput(_)), "{input}: {failure:?}");
        assert!(failure.to_string().contains(says), "{input}: {failure}");
    }
}

#[test]
fn what_is_too_much_is_refused_with_what_to_do() {
    let long = "a: b\n".repeat(4 * 1024 * 1024);
    let _host = Host::start()
        .at(super::documents::now())
        .configuration(json!({}))
        .file("documents", "one.txt", &long)
        .file("documents", "two.txt", &long)
        .file("documents", "three.txt", &long)
        .file("documents", "longer.txt", format!("{long}{long}"));
    let failure =
        perform::<Security>("check", json!({ "document_files": ["one.txt", "two.txt", "three.txt"] })).unwrap_err();
    let Failure::InvalidInput(problem) = &failure else { panic!("{failure:?}") };
    assert_eq!(problem.code(), Some("security.too_large"));
    assert!(problem.message.contains("region or directory"), "{}", problem.message);
    // One that is too long is a row beside what the others hold.
    let told = perform::<Security>("check", json!({ "document_files": ["longer.txt", "one.txt"] })).unwrap();
    let problem = &told["problems"][0];
    assert_eq!(problem["resource"], "longer.txt");
    assert!(problem["message"].as_str().unwrap().contains("which a document may have"), "{problem}");
}
