//! Load balancers that nobody asks, and NAT gateways that carry nothing.

use troupe_estate::{Resource, Severity};

use super::{Facts, Judged, finding, saving, text, value};
use crate::metrics::{Measure, Question};
use crate::savings::input::{Rule, SavingsPlan};
use crate::savings::prices;

const BALANCER: &str = "aws.elbv2.load-balancer";
const GATEWAY: &str = "aws.ec2.nat-gateway";

/// Requests that came. Application load balancers tell nothing of days without any.
static REQUESTS: Measure = Measure {
    namespace: "AWS/ApplicationELB",
    metric: "RequestCount",
    dimension: "LoadBalancer",
    statistic: "Sum",
    silence_is_none: true,
};

/// Connections that came.
static NETWORK_FLOWS: Measure = flows("AWS/NetworkELB");
static GATEWAY_FLOWS: Measure = flows("AWS/GatewayELB");

const fn flows(namespace: &'static str) -> Measure {
    Measure { namespace, metric: "NewFlowCount", dimension: "LoadBalancer", statistic: "Sum", silence_is_none: false }
}

/// Bytes that went out to the world.
static BYTES: Measure = Measure {
    namespace: "AWS/NATGateway",
    metric: "BytesOutToDestination",
    dimension: "NatGatewayId",
    statistic: "Sum",
    silence_is_none: false,
};

/// Which measures the rules need of what there is.
pub fn questions(plan: &SavingsPlan, resources: &[Resource]) -> Vec<Question> {
    resources
        .iter()
        .filter(|resource| rule_of(resource).is_some_and(|rule| plan.applies(rule)))
        .filter_map(question)
        .collect()
}

fn rule_of(resource: &Resource) -> Option<Rule> {
    match &*resource.kind {
        BALANCER => Some(Rule::LoadBalancerIdle),
        GATEWAY if is_there(resource) => Some(Rule::NatGatewayIdle),
        _ => None,
    }
}

/// Gateways that were deleted within the hour are listed too.
fn is_there(gateway: &Resource) -> bool {
    text(gateway, "state") == Some("available")
}

fn question(resource: &Resource) -> Option<Question> {
    if resource.kind == GATEWAY {
        return Some(Question { measure: &BYTES, name: resource.id.clone() });
    }
    let measure = match text(resource, "type")? {
        "application" => &REQUESTS,
        "network" => &NETWORK_FLOWS,
        "gateway" => &GATEWAY_FLOWS,
        _ => return None,
    };
    // Measures name a load balancer by the end of its ARN: `app/web/50dc6c495c0c9188`.
    let (_, name) = resource.arn.as_deref()?.split_once(":loadbalancer/")?;
    Some(Question { measure, name: name.to_owned() })
}

/// Load balancers that nobody asked.
pub fn idle_load_balancers(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for balancer in facts.of(BALANCER) {
        let fix = "Delete the load balancer after a look at whose names lead to it.";
        let kind = text(balancer, "type").unwrap_or_default();
        let price = prices::load_balancer(&balancer.region, kind);
        let found = finding(Rule::LoadBalancerIdle, "Nobody asks the load balancer", Severity::Low, balancer, fix)
            .seen("type", value(balancer, "type"));
        judge(facts, &mut judged, balancer, found, price);
    }
    judged
}

/// NAT gateways that carried nothing.
pub fn idle_nat_gateways(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for gateway in facts.of(GATEWAY) {
        if !is_there(gateway) {
            judged.pass();
            continue;
        }
        let fix = "Take the gateway out of the route tables, delete it and release its addresses.";
        let found = finding(Rule::NatGatewayIdle, "The NAT gateway carries nothing", Severity::Low, gateway, fix)
            .seen("state", value(gateway, "state"));
        judge(facts, &mut judged, gateway, found, prices::nat_gateway(&gateway.region));
    }
    judged
}

fn judge(
    facts: &Facts<'_>,
    judged: &mut Judged,
    resource: &Resource,
    found: troupe_estate::Finding,
    price: prices::Price,
) {
    match carried(facts, resource) {
        Err(why) => judged.findings.push(found.not_checked(&why)),
        Ok((_, sum)) if sum > 0.0 => judged.pass(),
        Ok((metric, sum)) => {
            judged.findings.push(saving(found.seen(metric, sum).seen("days", facts.bounds.days), price));
        }
    }
}

/// What a resource carried over the days looked at, or why nobody can tell.
fn carried(facts: &Facts<'_>, resource: &Resource) -> Result<(&'static str, f64), String> {
    let question = question(resource).ok_or_else(|| "what it carries is not measured".to_owned())?;
    if let Some(why) = facts.too_young(resource) {
        return Err(why);
    }
    let Question { measure, name } = question;
    let values = facts.values(measure, &name)?;
    if values.len() < usize::from(facts.bounds.days) && !measure.silence_is_none {
        return Err(format!("CloudWatch has values of {} of the {} days", values.len(), facts.bounds.days));
    }
    Ok((measure.metric, values.iter().sum()))
}
