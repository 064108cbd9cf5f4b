//! Documents that are written to keep the agent busy, end it, or hide what is in them.

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::perform;

use super::documents::{check, codes, has, host};

#[test]
fn conditions_that_are_about_themselves_or_each_other_are_not_known() {
    let stack = |conditions: &str, names: &str| {
        format!(
            "Conditions:\n{conditions}Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      SqsManagedSseEnabled: !If [{names}, true, false]\n"
        )
    };
    let own = "  A: !Equals [!If [A, x, y], x]\n";
    let told = check("own.yaml", &stack(own, "A"));
    assert!(!has(&told, "aws.sqs.unencrypted", "Q"));
    // Each is ten times the next: worked out anew for each it would never end.
    let mut many = String::new();
    for n in 0..29 {
        let next = vec![format!("!Condition C{}", n + 1); 10].join(", ");
        many.push_str(&format!("  C{n}: !And [{next}]\n"));
    }
    many.push_str("  C29: !Equals [a, a]\n");
    assert!(!has(&check("many.yaml", &stack(&many, "C0")), "aws.sqs.unencrypted", "Q"));
    let chain: String = (0..5_000).map(|n| format!("  D{n}: !Not [!Condition D{}]\n", n + 1)).collect();
    check("chain.yaml", &stack(&chain, "D0"));
}

#[test]
fn what_templates_make_is_bounded() {
    let variables: String = (0..12)
        .map(|n| format!("\"v{n}\": \"[createArray({})]\",", vec![format!("variables('v{}')", n + 1); 40].join(",")))
        .collect();
    let arm = format!(
        r#"{{"$schema": "https://x/deploymentTemplate.json#", "variables": {{{variables} "v12": "x"}}, "resources": [
            {{"type": "Microsoft.Sql/servers", "name": "s", "properties": {{"minimalTlsVersion": "[variables('v0')]"}}}}]}}"#
    );
    let told = check("bomb.json", &arm);
    let row =
        told["not_checked"].as_array().unwrap().iter().find(|row| row["rule"] == "azure.sql.tls-version").cloned();
    assert!(row.unwrap()["reason"].as_str().unwrap().contains("1000000"));
    let long = "x".repeat(1_000_000);
    let sub = "${P}".repeat(2_000);
    let stack = format!(
        "Parameters:\n  P: {{ Type: String, Default: {long} }}\nResources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub '{sub}'\n"
    );
    assert!(has(&check("sub.yaml", &stack), "aws.sqs.no-dead-letters", "Q"));
}

#[test]
fn what_lies_elsewhere_or_is_no_resource_is_a_row() {
    let nested = "Resources:\n  S:\n    Type: AWS::CloudFormation::Stack\n    Properties: { TemplateURL: x }\n  Fn::ForEach::Q: [N, [a], { 'Q${N}': { Type: AWS::SQS::Queue } }]\n";
    assert_eq!(
        codes(&check("nested.yaml", nested)),
        [("no_mapping", "cloudformation AWS::CloudFormation::Stack"), ("no_mapping", "cloudformation Fn::ForEach")]
    );
    let linked = r#"{"$schema": "https://x/deploymentTemplate.json#", "resources": [
        {"type": "Microsoft.Resources/deployments", "name": "l", "properties": {"templateLink": {"uri": "https://x"}}}]}"#;
    assert_eq!(codes(&check("linked.json", linked)), [("no_mapping", "arm Microsoft.Resources/deployments")]);
    let part = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n---\nkind: Deployment\nspec: {}\n";
    assert_eq!(codes(&check("part.yaml", part)), [("unknown_part", "documents")]);
    assert_eq!(codes(&check("none.yaml", "apiVersion: v1\nkind: List\nitems: []\n")), []);
}

#[test]
fn modules_are_read_however_deep_they_lie() {
    let leaf = json!({ "address": "aws_ebs_volume.v", "mode": "managed", "type": "aws_ebs_volume", "name": "v", "values": { "encrypted": false } });
    let module = (0..40).fold(json!({ "resources": [leaf] }), |inner, _| json!({ "child_modules": [inner] }));
    let plan = json!({ "format_version": "1.2", "planned_values": { "root_module": module } });
    assert!(has(&check("deep.json", &plan.to_string()), "aws.ec2.volume-unencrypted", "aws_ebs_volume.v"));
}

#[test]
fn a_template_in_a_template_counts_by_what_it_is_given() {
    let arm = |scope: &str| {
        format!(
            r#"{{"$schema": "https://x/deploymentTemplate.json#", "parameters": {{"tls": {{"defaultValue": "1.2"}}}}, "resources": [
            {{"type": "Microsoft.Resources/deployments", "name": "n", "properties": {{"expressionEvaluationOptions": {{"scope": "{scope}"}},
              "parameters": {{"tls": {{"value": "1.0"}}}}, "template": {{"parameters": {{"tls": {{"defaultValue": "1.2"}}}}, "resources": [
                {{"type": "Microsoft.Sql/servers", "name": "s", "properties": {{"minimalTlsVersion": "[parameters('tls')]"}}}}]}}}}}}]}}"#
        )
    };
    for (scope, fails) in [("inner", true), ("outer", false)] {
        assert_eq!(has(&check("n.json", &arm(scope)), "azure.sql.tls-version", "Microsoft.Sql/servers/s"), fails);
    }
}

#[test]
fn many_subjects_and_services_are_no_long_way() {
    let _host = host();
    let read = |text: String| {
        let documents = json!([{ "name": "l.json", "text": text }]);
        perform::<Security>("check", json!({ "documents": documents, "rules": ["none"] })).unwrap()
    };
    let subjects: Vec<Value> =
        (0..20_000).map(|n| json!({ "kind": "ServiceAccount", "name": format!("a{n}") })).collect();
    let binding = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "b" },
        "roleRef": { "kind": "Role", "name": "r" }, "subjects": subjects });
    read(binding.to_string());
    let service = |n: usize| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": format!("s{n}") }, "spec": { "selector": { "a": "b" } } });
    let pod = |n: usize| json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": format!("p{n}"), "labels": { "a": "c" } }, "spec": {} });
    let items: Vec<Value> = (0..1_500).flat_map(|n| [service(n), pod(n)]).collect();
    let told = read(json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string());
    assert_eq!(codes(&told), [("too_many", "kubernetes pods")]);
}
