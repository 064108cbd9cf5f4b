//! A role that the host takes for its agents at moto's token service, and whose keys sign
//! what follows.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use serde_json::json;

use super::account::iam;
use super::moto::Moto;
use super::{STRANGER, agent_host, inventory};

const ROLE: &str = "arn:aws:iam::123456789012:role/audit";

#[tokio::test]
async fn a_role_is_taken_and_its_keys_sign() {
    let Some(moto) = Moto::start().await else { return };
    moto.make_bucket("seen").await;
    moto.make_role("audit").await;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":"*"}]}"#;
    let mut put = iam("PutRolePolicy", ("RoleName", "audit".to_owned()));
    put.extend([("PolicyName", "all".to_owned()), ("PolicyDocument", policy.to_owned())]);
    moto.query("iam", "us-east-1", &put).await;
    let (key, secret) = super::account::make_auditor(&moto, r#""sts:AssumeRole""#).await;

    // Not enforced: moto answers 500 to AssumeRole then. The keys it gives are those of the role all the same.
    let mut host = agent_host(&moto, STRANGER).with_variable("AUDIT_KEY", &key).with_secret("AUDIT_SECRET", &secret);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(host.data_dir()).unwrap();
    let document = format!(
        "[tenant.default.credentials.\"aws:default\"]\nrole_arn = \"{ROLE}\"\nsession_name = \"inventory\"\n\
         access_key_id = {{ env = \"AUDIT_KEY\" }}\nsecret_access_key = {{ env = \"AUDIT_SECRET\" }}\n"
    );
    let path = host.data_dir().join("credentials.toml");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(document.as_bytes()).unwrap();
    host.start().await;
    let output = inventory(&host, json!({ "services": ["s3"] })).await;
    assert_eq!(output["errors"], json!([]), "{output:#}");
    assert_eq!(output["caller"], "arn:aws:sts::123456789012:assumed-role/audit/inventory");
    assert_eq!(output["counts"], json!({ "aws.s3.bucket": 1 }));
}
