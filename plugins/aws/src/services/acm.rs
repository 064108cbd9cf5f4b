//! Certificate Manager: the certificates of one region, when they end and who uses them.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, last, related, texts, told};

const SERVICE: &str = "acm";
const LIST: (&str, &str) = (SERVICE, "ListCertificates");
const DESCRIBE: (&str, &str) = (SERVICE, "DescribeCertificate");
const TAGS: (&str, &str) = (SERVICE, "ListTagsForCertificate");

/// Every kind of key there is. Without them the service lists those of RSA with 1024 and 2048
/// bits alone.
const KEYS: [&str; 7] =
    ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"];

/// Lists the certificates and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "CertificateManager", version: "1.1" };
    let (mut found, mut arns) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| arns.extend(page.texts_of("CertificateSummaryList", "CertificateArn"));
    let input = json!({ "MaxItems": 1000, "Includes": { "keyTypes": KEYS } });
    if let Err(fault) = api.pages(LIST.1, input, Paging::UPPER_NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, arns, |arn| describe(scope, api, arn)).await
}

async fn describe(scope: Scope<'_>, api: Api<'_>, arn: String) -> Found {
    let mut found = Found::default();
    let named = json!({ "CertificateArn": arn });
    let asked = (api.ask::<Value>(DESCRIBE.1, named.clone()), api.ask::<Value>(TAGS.1, named));
    let (described, tags) = wait::both(asked.0, asked.1).await;
    let mut certificate = Resource::new("aws.acm.certificate", scope.region, last(&arn, '/')).arn(Some(arn));
    let tells = ["state", "expires", "key_algorithm", "in_use"];
    told(&mut found, &mut certificate, DESCRIBE, &tells, &described, |certificate, answer| {
        *certificate = put(certificate.clone(), answer.at("Certificate"));
    });
    told(&mut found, &mut certificate, TAGS, &["tags"], &tags, |certificate, answer| {
        certificate.tags.extend(answer.tags("Tags"));
    });
    found.resources.push(certificate);
    found
}

fn put(mut certificate: Resource, item: Item<'_>) -> Resource {
    certificate.name = item.text("DomainName").map(str::to_owned);
    let validated = item.texts_of("DomainValidationOptions", "ValidationMethod").next();
    let transparency = item.text("Options/CertificateTransparencyLoggingPreference");
    let resource = certificate
        .created(item.time("CreatedAt").or(item.time("ImportedAt")))
        .with("state", item.text("Status"))
        .with("kind", item.text("Type"))
        .with("domains", texts(item.texts("SubjectAlternativeNames")))
        .with("key_algorithm", item.text("KeyAlgorithm"))
        .with("signature_algorithm", item.text("SignatureAlgorithm"))
        .with("issuer", item.text("Issuer"))
        .with("begins", item.time("NotBefore"))
        .with("expires", item.time("NotAfter"))
        .with("in_use", Some(item.texts("InUseBy").next().is_some()))
        .with("validation", validated)
        .with("renewal", item.text("RenewalEligibility"))
        .with("renewal_state", item.text("RenewalSummary/RenewalStatus"))
        .with("failure", item.text("FailureReason"))
        .with("transparency_logging", transparency.map(|told| told == "ENABLED"));
    related(resource, "used-by", item.texts("InUseBy"))
}
