//! Classic load balancers of one region. The newer ones have an API of their own
//! ([`super::elbv2`]) at the same host.

use serde_json::{Value, json};

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml::{self, Element};
use crate::services::{Scope, each, in_batches, related, texts, told_xml};

const SERVICE: &str = "elb";
const LIST: &str = "DescribeLoadBalancers";
const ATTRIBUTES: &str = "DescribeLoadBalancerAttributes";
const TAGS: &str = "DescribeTags";

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("PageSize", "400");

/// Of how many the tags may be asked at once, in both APIs.
const TAGGED_AT_ONCE: usize = 20;

/// How tags are asked of one of the two APIs.
#[derive(Clone, Copy)]
pub(super) struct Tagging {
    /// The service, as problems name it.
    pub(super) service: &'static str,
    /// The parameter that has the names or ARNs.
    pub(super) parameter: &'static str,
    /// The element of an answer that has the name or ARN.
    pub(super) element: &'static str,
    /// What of a resource is given.
    pub(super) name: fn(&Resource) -> &str,
}

const TAGGING: Tagging = Tagging {
    service: SERVICE,
    parameter: "LoadBalancerNames.member",
    element: "LoadBalancerName",
    name: |balancer| &balancer.id,
};

/// Lists the load balancers and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("elasticloadbalancing", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: "2012-06-01", paging: Paging::NEXT_MARKER };
    let mut found = Found::default();
    let mut listed = Vec::new();
    let read = |page: Element<'_>| {
        listed.extend(page.list("LoadBalancerDescriptions").filter_map(|item| balancer(&scope, item)));
    };
    if let Err(fault) = api.pages(LIST, &[PAGE], read).await {
        found.note((SERVICE, LIST), scope.region, None, fault);
    }
    let described = each(found, listed, |balancer| describe(api, balancer)).await;
    tagged(api, TAGGING, described).await
}

fn balancer(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let name = item.text("LoadBalancerName")?;
    let resource = Resource::new("aws.elb.load-balancer", scope.region, name)
        .name(name)
        .arn(scope.arn("elasticloadbalancing", &format!("loadbalancer/{name}")))
        .created(item.time("CreatedTime"))
        .with("dns_name", item.text("DNSName"))
        .with("scheme", item.text("Scheme"))
        .with("availability_zones", texts(item.own_texts("AvailabilityZones")))
        .with("listeners", listeners(item))
        .with("health_check", item.text("HealthCheck/Target"))
        .with("policies", texts(item.own_texts("Policies/OtherPolicies")))
        .with("instances", Some(item.list("Instances").count()))
        .to("vpc", item.text("VPCId"));
    let resource = related(resource, "subnet", item.own_texts("Subnets"));
    let resource = related(resource, "security-group", item.own_texts("SecurityGroups"));
    let certificates = item.texts("ListenerDescriptions", "Listener/SSLCertificateId");
    let resource = related(resource, "certificate", certificates);
    Some(related(resource, "instance", item.texts("Instances", "InstanceId")))
}

fn listeners(item: Element<'_>) -> Option<Value> {
    let listeners = item.list("ListenerDescriptions").map(|described| {
        let listener = described.at("Listener");
        json!({
            "protocol": listener.text("Protocol"),
            "port": listener.number("LoadBalancerPort"),
            "instance_protocol": listener.text("InstanceProtocol"),
            "instance_port": listener.number("InstancePort"),
            "certificate": listener.text("SSLCertificateId"),
            "policies": texts(described.own_texts("PolicyNames")),
        })
    });
    Some(listeners.collect())
}

async fn describe(api: Api<'_>, mut balancer: Resource) -> Found {
    let mut found = Found::default();
    let answer = api.ask(ATTRIBUTES, &[("LoadBalancerName", &balancer.id)]).await;
    let names = ["access_logs", "cross_zone", "connection_draining", "idle_timeout_s", "desync_mode"];
    told_xml(&mut found, &mut balancer, (SERVICE, ATTRIBUTES), &names, &answer, |balancer, answer| {
        let item = result(answer, ATTRIBUTES).at("LoadBalancerAttributes");
        let logs = json!({
            "enabled": item.truth("AccessLog/Enabled").unwrap_or_default(),
            "bucket": item.text("AccessLog/S3BucketName"),
        });
        balancer.set("access_logs", logs);
        balancer.set("cross_zone", item.truth("CrossZoneLoadBalancing/Enabled"));
        balancer.set("connection_draining", item.truth("ConnectionDraining/Enabled"));
        balancer.set("idle_timeout_s", item.number("ConnectionSettings/IdleTimeout"));
        let mut more = item.tags("AdditionalAttributes");
        let desync = more.find(|(name, _)| name == "elb.http.desyncmitigationmode").map(|(_, mode)| mode);
        balancer.set("desync_mode", desync);
    });
    found.resources.push(balancer);
    found
}

/// Asks for the tags of everything that was found, many at once.
pub(super) async fn tagged(api: Api<'_>, tagging: Tagging, found: Found) -> Found {
    in_batches(found, TAGGED_AT_ONCE, |batch| tag(api, tagging, batch)).await
}

async fn tag(api: Api<'_>, tagging: Tagging, mut batch: Vec<Resource>) -> Found {
    let mut found = Found::default();
    let names: Vec<String> = (1..=batch.len()).map(|number| format!("{}.{number}", tagging.parameter)).collect();
    let values = batch.iter().map(tagging.name);
    let parameters: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(values).collect();
    let answer = api.ask(TAGS, &parameters).await;
    let document = answer.as_deref().map_err(Clone::clone).and_then(xml::parse);
    for resource in &mut batch {
        let document = document.as_ref().map_err(Clone::clone);
        found.read(resource, (tagging.service, TAGS), &["tags"], document, |resource, document| {
            let descriptions = result(xml::root(document), TAGS).list("TagDescriptions");
            let name = (tagging.name)(resource).to_owned();
            for its in descriptions.filter(|its| its.text(tagging.element) == Some(&name)) {
                resource.tags.extend(its.tags("Tags"));
            }
        });
    }
    found.resources = batch;
    found
}
