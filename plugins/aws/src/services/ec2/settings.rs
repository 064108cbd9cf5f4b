//! What holds for everything that is made in a region from now on.

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::result;
use crate::services::{Scope, told_xml};

const DEFAULT_ENCRYPTION: (&str, &str) = ("ec2", "GetEbsEncryptionByDefault");

/// Asks for the settings of the region.
pub(super) async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("ec2", scope.region);
    let mut found = Found::default();
    let mut settings = Resource::new("aws.ec2.settings", scope.region, scope.region);
    let answer = super::api(scope, &endpoint).ask(DEFAULT_ENCRYPTION.1, &[]).await;
    told_xml(&mut found, &mut settings, DEFAULT_ENCRYPTION, &["default_encryption"], &answer, |settings, answer| {
        let result = result(answer, DEFAULT_ENCRYPTION.1);
        settings.set("default_encryption", result.truth("ebsEncryptionByDefault") == Some(true));
    });
    found.resources.push(settings);
    found
}
