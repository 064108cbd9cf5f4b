//! `CloudFront`: the distributions of the account, which have no regions.

use serde_json::{Value, json};
use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::client::Fault;
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::json::Paging;
use crate::protocol::rest;
use crate::protocol::xml::Element;
use crate::services::{Scope, each, related, texts, told_xml};

const LIST: (&str, &str) = ("cloudfront", "ListDistributions");
const CONFIGURATION: (&str, &str) = ("cloudfront", "GetDistributionConfig");
const TAGS: (&str, &str) = ("cloudfront", "ListTagsForResource");

/// Where all paths begin.
const VERSION: &str = "2020-05-31";
/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("MaxItems", "100");
const PAGING: Paging = Paging { take: "NextMarker", give: "Marker" };

/// Lists the distributions and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let mut found = Found::default();
    let Some(endpoint) = scope.partition.cloudfront() else {
        found.note(LIST, GLOBAL, None, Fault::no_endpoint());
        return found;
    };
    let mut listed = Vec::new();
    let url = format!("{endpoint}{VERSION}/distribution");
    let read = |page: Element<'_>| listed.extend(page.list("Items").filter_map(distribution));
    if let Err(fault) = rest::xml_pages(scope.client, &url, &[PAGE], PAGING, read).await {
        found.note(LIST, GLOBAL, None, fault);
    }
    each(found, listed, |distribution| describe(scope, endpoint, distribution)).await
}

fn distribution(item: Element<'_>) -> Option<Resource> {
    let id = item.text("Id")?;
    let resource = Resource::new("aws.cloudfront.distribution", GLOBAL, id)
        .arn(item.text("ARN").map(str::to_owned))
        .with("domain_name", item.text("DomainName"))
        .with("state", item.text("Status"))
        .with("last_modified", item.time("LastModifiedTime"));
    Some(configured(resource, item))
}

/// Adds what both the list and the configuration tell.
fn configured(resource: Resource, item: Element<'_>) -> Resource {
    let certificate = item.at("ViewerCertificate");
    let behaviours = item.at("CacheBehaviors").list("Items").chain(std::iter::once(item.at("DefaultCacheBehavior")));
    let mut viewers: Vec<String> =
        behaviours.filter_map(|one| one.text("ViewerProtocolPolicy")).map(str::to_owned).collect();
    viewers.sort_unstable();
    viewers.dedup();
    let web_acl = item.text("WebACLId");
    let resource = resource
        .with("aliases", texts(item.own_texts("Aliases/Items")))
        .with("enabled", item.truth("Enabled"))
        .with("comment", item.verbatim("Comment"))
        .with("price_class", item.text("PriceClass"))
        .with("http_version", item.text("HttpVersion"))
        .with("viewer_protocols", Some(viewers))
        .with("tls_minimum", certificate.text("MinimumProtocolVersion"))
        .with("tls_support", certificate.text("SSLSupportMethod"))
        .with("default_certificate", certificate.truth("CloudFrontDefaultCertificate"))
        .with("geo_restriction", item.text("Restrictions/GeoRestriction/RestrictionType"))
        .with("origins", Some(item.list("Origins/Items").map(origin).collect::<Value>()))
        .with("failover", Some(item.list("OriginGroups/Items").next().is_some()))
        .with("waf", Some(web_acl.is_some()))
        .to("certificate", certificate.text("ACMCertificateArn"))
        .to("web-acl", web_acl);
    related(resource, "origin", item.texts("Origins/Items", "DomainName"))
}

fn origin(item: Element<'_>) -> Value {
    let custom = item.at("CustomOriginConfig");
    let identity = item.text("S3OriginConfig/OriginAccessIdentity").is_some();
    json!({
        "id": item.text("Id"),
        "domain_name": item.text("DomainName"),
        "s3": item.at("S3OriginConfig").exists(),
        "access_controlled": identity || item.text("OriginAccessControlId").is_some(),
        "protocol": custom.text("OriginProtocolPolicy"),
        "tls_protocols": texts(custom.own_texts("OriginSslProtocols/Items")),
        "shield": item.truth("OriginShield/Enabled"),
    })
}

async fn describe(scope: Scope<'_>, endpoint: &str, mut distribution: Resource) -> Found {
    let mut found = Found::default();
    let url = format!("{endpoint}{VERSION}/distribution/{}/config", escape(&distribution.id));
    let configuration = rest::get(scope.client, url, &[]);
    let arn = distribution.arn.clone().unwrap_or_default();
    let query = [("Resource", arn.as_str())];
    let tags = rest::get(scope.client, format!("{endpoint}{VERSION}/tagging"), &query);
    let (configuration, tags) = wait::both(configuration, tags).await;
    let names = ["access_logs", "access_logs_bucket", "default_root_object", "field_level_encryption"];
    told_xml(&mut found, &mut distribution, CONFIGURATION, &names, &configuration, |distribution, item| {
        *distribution = configured(distribution.clone(), item);
        distribution.set("access_logs", item.truth("Logging/Enabled"));
        distribution.set("access_logs_bucket", item.text("Logging/Bucket"));
        distribution.set("default_root_object", item.text("DefaultRootObject"));
        distribution.set("field_level_encryption", item.text("DefaultCacheBehavior/FieldLevelEncryptionId").is_some());
    });
    told_xml(&mut found, &mut distribution, TAGS, &["tags"], &tags, |distribution, answer| {
        *distribution = distribution.clone().tags(answer.tags("Items"));
    });
    found.resources.push(distribution);
    found
}
