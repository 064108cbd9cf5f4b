//! Public addresses that nothing uses.

use troupe_estate::Severity;

use super::{Facts, Judged, finding, saving, text, value};
use crate::savings::input::Rule;
use crate::savings::prices;

/// The pool of AWS's own addresses. Those of others are brought along, and cost nothing.
const AMAZON: &str = "amazon";

/// Addresses that are kept and not used.
pub fn unattached(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for address in facts.of("aws.ec2.address") {
        let is_used = address.attributes.get("in_use").and_then(serde_json::Value::as_bool) != Some(false);
        if is_used || text(address, "pool").is_some_and(|pool| pool != AMAZON) {
            judged.pass();
            continue;
        }
        let fix = "Release the address, unless others have it in their lists: it does not come back.";
        let found = finding(Rule::AddressUnattached, "Nothing uses the address", Severity::Low, address, fix)
            .seen("public_ip", value(address, "public_ip"));
        judged.findings.push(saving(found, prices::address(&address.region)));
    }
    judged
}
