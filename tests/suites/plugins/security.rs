//! `security`, asked as its readers would: a template is checked, and what could not be decided is told.

use serde_json::json;

use super::host;

#[tokio::test]
async fn a_template_is_checked_and_its_report_left_as_an_artefact() {
    let host = host("security").await;
    let client = host.client();
    let template = "Parameters: { Public: { Type: String } }\nResources:\n  Database:\n    Type: AWS::RDS::DBInstance\n    Properties: \
                    { Engine: postgres, StorageEncrypted: false, PubliclyAccessible: !Ref Public }\n";
    let documents = json!([{ "name": "stack.yaml", "text": template }]);
    let task = client.run("security", "check", json!({ "documents": documents })).await.of(200);
    let found = task["output"]["findings"].as_array().unwrap();
    let unencrypted = found.iter().find(|finding| finding["rule"] == "aws.rds.unencrypted").unwrap();
    assert_eq!(unencrypted["place"], json!({ "file": "stack.yaml", "line": 3 }), "{task:#}");
    let undecided = task["output"]["not_checked"].as_array().unwrap();
    let public = undecided.iter().find(|row| row["rule"] == "aws.rds.public").unwrap();
    assert_eq!(public["reason"], "the parameter Public has no default");
    let asked = json!({ "documents": documents, "frameworks": ["pci"], "formats": ["sarif"] });
    let task = client.run("security", "report", asked).await.of(200);
    assert_eq!(task["output"]["artefacts"], json!(["findings.sarif"]), "{task:#}");
    assert!(task["output"]["frameworks"][0]["failed"].as_u64().unwrap() > 0);
}
