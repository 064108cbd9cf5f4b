//! Application, network and gateway load balancers of one region, with their listeners, and
//! the target groups behind them.

use serde_json::{Map, Value, json};
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml::{self, Element};
use crate::services::elb::{Tagging, tagged};
use crate::services::{Scope, each, related, texts, told_xml};

const SERVICE: &str = "elbv2";
const HOST: &str = "elasticloadbalancing";
const VERSION: &str = "2015-12-01";
const BALANCERS: &str = "DescribeLoadBalancers";
const GROUPS: &str = "DescribeTargetGroups";
const LISTENERS: &str = "DescribeListeners";
const ATTRIBUTES: &str = "DescribeLoadBalancerAttributes";
const HEALTH: &str = "DescribeTargetHealth";

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("PageSize", "400");

const TAGGING: Tagging = Tagging {
    service: SERVICE,
    parameter: "ResourceArns.member",
    element: "ResourceArn",
    name: |resource| resource.arn.as_deref().unwrap_or(&resource.id),
};

/// The attributes that are told, and by which names; those of a kind of load balancer that
/// does not have them are absent.
const TOLD: [(&str, &str); 9] = [
    ("deletion_protection.enabled", "deletion_protection"),
    ("access_logs.s3.enabled", "access_logs"),
    ("access_logs.s3.bucket", "access_logs_bucket"),
    ("connection_logs.s3.enabled", "connection_logs"),
    ("routing.http.drop_invalid_header_fields.enabled", "drop_invalid_headers"),
    ("routing.http.desync_mitigation_mode", "desync_mode"),
    ("waf.fail_open.enabled", "waf_fail_open"),
    ("load_balancing.cross_zone.enabled", "cross_zone"),
    ("idle_timeout.timeout_seconds", "idle_timeout_s"),
];

/// Lists the load balancers and asks no more about them.
pub async fn balancers(scope: Scope<'_>) -> Found {
    let endpoint = regional(HOST, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: VERSION, paging: Paging::NEXT_MARKER };
    let (mut found, balancers) = list(scope, api, BALANCERS, "LoadBalancers", balancer).await;
    found.resources = balancers;
    found
}

/// Lists load balancers and target groups and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(HOST, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: VERSION, paging: Paging::NEXT_MARKER };
    let balancers = async {
        let (listed, balancers) = list(scope, api, BALANCERS, "LoadBalancers", balancer).await;
        each(listed, balancers, |balancer| describe_balancer(api, balancer)).await
    };
    let groups = async {
        let (listed, groups) = list(scope, api, GROUPS, "TargetGroups", group).await;
        each(listed, groups, |group| describe_group(api, group)).await
    };
    let (balancers, groups) = wait::both(balancers, groups).await;
    tagged(api, TAGGING, Found::all([balancers, groups])).await
}

async fn list(
    scope: Scope<'_>,
    api: Api<'_>,
    operation: &'static str,
    set: &str,
    read: fn(&Scope<'_>, Element<'_>) -> Option<Resource>,
) -> (Found, Vec<Resource>) {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let each = |page: Element<'_>| listed.extend(page.list(set).filter_map(|item| read(&scope, item)));
    if let Err(fault) = api.pages(operation, &[PAGE], each).await {
        found.note((SERVICE, operation), scope.region, None, fault);
    }
    (found, listed)
}

fn balancer(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let (arn, name) = (item.text("LoadBalancerArn")?, item.text("LoadBalancerName")?);
    let resource = Resource::new("aws.elbv2.load-balancer", scope.region, name)
        .name(name)
        .arn(Some(arn.to_owned()))
        .created(item.time("CreatedTime"))
        .with("type", item.text("Type"))
        .with("scheme", item.text("Scheme"))
        .with("state", item.text("State/Code"))
        .with("dns_name", item.text("DNSName"))
        .with("ip_address_type", item.text("IpAddressType"))
        .with("availability_zones", texts(item.texts("AvailabilityZones", "ZoneName")))
        .to("vpc", item.text("VpcId"));
    let resource = related(resource, "subnet", item.texts("AvailabilityZones", "SubnetId"));
    let addresses = item.list("AvailabilityZones").flat_map(|zone| zone.texts("LoadBalancerAddresses", "AllocationId"));
    let resource = related(resource, "address", addresses);
    Some(related(resource, "security-group", item.own_texts("SecurityGroups")))
}

fn group(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let (arn, name) = (item.text("TargetGroupArn")?, item.text("TargetGroupName")?);
    let resource = Resource::new("aws.elbv2.target-group", scope.region, name)
        .name(name)
        .arn(Some(arn.to_owned()))
        .with("protocol", item.text("Protocol"))
        .with("protocol_version", item.text("ProtocolVersion"))
        .with("port", item.number("Port"))
        .with("target_type", item.text("TargetType"))
        .with(
            "health_check",
            Some(json!({
                "enabled": item.truth("HealthCheckEnabled"),
                "protocol": item.text("HealthCheckProtocol"),
                "port": item.text("HealthCheckPort"),
                "path": item.text("HealthCheckPath"),
            })),
        )
        .to("vpc", item.text("VpcId"));
    Some(related(resource, "load-balancer", item.own_texts("LoadBalancerArns")))
}

async fn describe_balancer(api: Api<'_>, mut balancer: Resource) -> Found {
    let mut found = Found::default();
    let arn = (TAGGING.name)(&balancer).to_owned();
    let (attributes, listeners) = wait::both(attributes(api, &arn), listeners(api, &arn)).await;
    let names = TOLD.map(|(_, name)| name);
    found.read(&mut balancer, (SERVICE, ATTRIBUTES), &names, attributes, |balancer, attributes| {
        balancer.attributes.extend(attributes);
    });
    found.read(&mut balancer, (SERVICE, LISTENERS), &["listeners"], listeners, |balancer, listeners| {
        let Listeners { told, groups, certificates } = listeners;
        balancer.set("listeners", told);
        groups.into_iter().for_each(|arn| balancer.relate("target-group", arn));
        certificates.into_iter().for_each(|arn| balancer.relate("certificate", arn));
    });
    found.resources.push(balancer);
    found
}

/// Reads the attributes that are told.
async fn attributes(api: Api<'_>, arn: &str) -> Result<Map<String, Value>, Fault> {
    let text = api.ask(ATTRIBUTES, &[("LoadBalancerArn", arn)]).await?;
    let document = xml::parse(&text)?;
    let mut told = Map::new();
    for (key, value) in result(xml::root(&document), ATTRIBUTES).tags("Attributes") {
        let Some((_, name)) = TOLD.iter().find(|(known, _)| *known == key) else { continue };
        // All are texts to the service: truth values and numbers are told as what they are.
        let value = match value.as_str() {
            "" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        };
        told.insert((*name).to_owned(), value);
    }
    Ok(told)
}

/// The listeners of a load balancer, and what they use.
#[derive(Default)]
struct Listeners {
    told: Vec<Value>,
    groups: Vec<String>,
    certificates: Vec<String>,
}

async fn listeners(api: Api<'_>, arn: &str) -> Result<Listeners, Fault> {
    let mut listeners = Listeners::default();
    let read = |page: Element<'_>| {
        for item in page.list("Listeners") {
            let actions = item.list("DefaultActions");
            listeners.groups.extend(actions.flat_map(|action| {
                let forwarded = action.texts("ForwardConfig/TargetGroups", "TargetGroupArn");
                action.text("TargetGroupArn").map(str::to_owned).into_iter().chain(forwarded)
            }));
            listeners.certificates.extend(item.texts("Certificates", "CertificateArn"));
            let redirect = item.list("DefaultActions").map(|action| action.at("RedirectConfig"));
            listeners.told.push(json!({
                "arn": item.text("ListenerArn"),
                "protocol": item.text("Protocol"),
                "port": item.number("Port"),
                "ssl_policy": item.text("SslPolicy"),
                "actions": texts(item.texts("DefaultActions", "Type")),
                "redirects_to": redirect.filter_map(|to| to.text("Protocol")).next(),
                "mutual_tls": item.text("MutualAuthentication/Mode"),
            }));
        }
    };
    api.pages(LISTENERS, &[("LoadBalancerArn", arn)], read).await?;
    Ok(listeners)
}

/// Counts a group's targets by the state of their health, and says which instances and other
/// resources they are.
async fn describe_group(api: Api<'_>, mut group: Resource) -> Found {
    let mut found = Found::default();
    let answer = api.ask(HEALTH, &[("TargetGroupArn", (TAGGING.name)(&group))]).await;
    told_xml(&mut found, &mut group, (SERVICE, HEALTH), &["targets"], &answer, |group, answer| {
        let mut targets: Map<String, Value> = Map::new();
        for one in result(answer, HEALTH).list("TargetHealthDescriptions") {
            let state = one.text("TargetHealth/State").unwrap_or("unknown");
            let count = targets.get(state).and_then(Value::as_i64).unwrap_or_default();
            targets.insert(state.to_owned(), Value::from(count + 1));
            let Some(id) = one.text("Target/Id") else { continue };
            let kind = match group.attributes.get("target_type").and_then(Value::as_str) {
                Some("instance") => "instance",
                Some("lambda") => "function",
                Some("alb") => "load-balancer",
                _ => continue,
            };
            group.relate(kind, id);
        }
        group.set("targets", targets);
    });
    found.resources.push(group);
    found
}
