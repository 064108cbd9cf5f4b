//! What holds for everything that is made in a region from now on.

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::result;
use crate::protocol::xml;
use crate::services::Scope;

const TYPE: &str = "aws.ec2.settings";
const DEFAULT_ENCRYPTION: (&str, &str) = ("ec2", "GetEbsEncryptionByDefault");

/// Asks for the settings of the region.
pub(super) async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("ec2", scope.region);
    let mut found = Found::default();
    let answer = super::api(scope, &endpoint).ask(DEFAULT_ENCRYPTION.1, &[]).await;
    let encrypted = answer.and_then(|text| {
        let document = xml::parse(&text)?;
        Ok(result(xml::root(&document), DEFAULT_ENCRYPTION.1).truth("ebsEncryptionByDefault"))
    });
    match encrypted {
        // An endpoint that does not say has no such setting.
        Ok(encrypted) => found.resources.extend(encrypted.map(|encrypted| {
            Resource::new(TYPE, scope.region, scope.region).with("default_encryption", Some(encrypted))
        })),
        Err(fault) => found.note_hiding(DEFAULT_ENCRYPTION, scope.region, None, &[TYPE], fault),
    }
    found
}
