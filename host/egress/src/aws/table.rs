//! The table of operations, read from `data/aws-actions.tsv` when first asked for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How a service tells its operations apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// By the parameter `Action`.
    Query,
    /// By the header `x-amz-target`.
    Json,
    /// By method, path, query keys and headers.
    Rest,
}

/// One service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) protocol: Protocol,
    /// The version of the API: of two query services at one host it tells which is meant.
    pub(super) version: &'static str,
    /// What its hosts begin with; `{account}.` in it is the number of an account.
    pub(super) prefix: &'static str,
    pub(super) signing_name: &'static str,
    pub(super) id: &'static str,
    pub(super) target_prefix: &'static str,
    pub(super) regional: bool,
    /// Hosts without a region in their name, and the region each answers for.
    pub(super) hosts: Vec<(&'static str, &'static str)>,
    operations: BTreeMap<&'static str, Option<Shape>>,
}

/// What a rest operation's requests look like.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) method: &'static str,
    pub(super) path: Vec<Segment>,
    pub(super) required_query: Vec<QueryKey>,
    pub(super) required_headers: Vec<&'static str>,
    pub(super) other_query: Vec<QueryKey>,
}

/// One part of a path, between slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    /// This text.
    Literal(&'static str),
    /// Any text without a slash.
    Label,
    /// The rest of the path, slashes and all.
    Greedy,
}

/// A key of the query, with the value it must have if it must have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueryKey {
    pub(super) name: &'static str,
    pub(super) value: Option<&'static str>,
    pub(super) repeats: bool,
}

impl Service {
    /// The operation of this name, as the table spells it.
    pub(super) fn operation(&self, name: &str) -> Option<&'static str> {
        self.operations.get_key_value(name).map(|(name, _)| *name)
    }

    /// All operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = &'static str> {
        self.operations.keys().copied()
    }

    /// The operations of a rest protocol and their shapes.
    pub(super) fn shapes(&self) -> impl Iterator<Item = (&'static str, &Shape)> {
        self.operations.iter().filter_map(|(name, shape)| Some((*name, shape.as_ref()?)))
    }
}

/// Every service of the table.
pub(super) fn services() -> &'static [Service] {
    static TABLE: LazyLock<Vec<Service>> = LazyLock::new(|| {
        // The file is part of the program and a test reads all of it. Were it damaged all
        // the same, an empty table names nothing and so allows nothing.
        read(include_str!("../../data/aws-actions.tsv")).unwrap_or_default()
    });
    &TABLE
}

fn read(text: &'static str) -> Option<Vec<Service>> {
    let mut services: Vec<Service> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&'static str> = line.split('\t').collect();
        match *fields.as_slice() {
            ["service", name, protocol, version, prefix, signing_name, id, target_prefix, reach] => {
                services.push(Service {
                    name,
                    protocol: match protocol {
                        "query" | "ec2" => Protocol::Query,
                        "json" => Protocol::Json,
                        "rest-json" | "rest-xml" => Protocol::Rest,
                        _ => return None,
                    },
                    version,
                    prefix,
                    signing_name,
                    id,
                    target_prefix,
                    regional: reach == "regional",
                    hosts: Vec::new(),
                    operations: BTreeMap::new(),
                })
            }
            ["host", name, region] => services.last_mut()?.hosts.push((name, region)),
            ["op", name] => {
                services.last_mut()?.operations.insert(name, None);
            }
            ["op", name, method, path, required, headers, other] => {
                let shape = Shape {
                    method,
                    path: path.split('/').filter(|part| !part.is_empty()).map(segment).collect(),
                    required_query: list(required).map(query_key).collect(),
                    required_headers: list(headers).collect(),
                    other_query: list(other).map(query_key).collect(),
                };
                services.last_mut()?.operations.insert(name, Some(shape));
            }
            _ => return None,
        }
    }
    Some(services)
}

fn list(field: &'static str) -> impl Iterator<Item = &'static str> {
    field.split(',').filter(|item| *item != "-")
}

fn segment(part: &'static str) -> Segment {
    if !part.starts_with('{') {
        Segment::Literal(part)
    } else if part.ends_with("+}") {
        Segment::Greedy
    } else {
        Segment::Label
    }
}

fn query_key(item: &'static str) -> QueryKey {
    let (item, repeats) = match item.strip_suffix('*') {
        Some(item) => (item, true),
        None => (item, false),
    };
    match item.split_once('=') {
        Some((name, value)) => QueryKey { name, value: Some(value), repeats },
        None => QueryKey { name: item, value: None, repeats },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_is_read() {
        let text = include_str!("../../data/aws-actions.tsv");
        let lines = text.lines().filter(|line| line.starts_with("op\t")).count();
        let operations: usize = services().iter().map(|service| service.operations().count()).sum();
        assert!(read(text).is_some());
        assert_eq!(operations, lines);
        assert!(services().iter().all(|service| (service.protocol == Protocol::Rest)
            == (service.shapes().count() == service.operations().count())));
    }

    #[test]
    fn every_service_of_the_clouds_agents_is_there() {
        let names: Vec<&str> = services().iter().map(|service| service.name).collect();
        insta::assert_snapshot!(names.join(" "), @"acm apigateway apigatewayv2 autoscaling backup batch ce cloudfront cloudtrail cloudwatch config dynamodb ec2 ecr ecs efs eks elasticache elb elbv2 guardduty iam kms lambda logs opensearch organizations rds redshift route53 s3 s3control secretsmanager sns sqs stepfunctions sts wafv2");
    }
}
