//! Manifests of Kubernetes, each object with what it is made of.
//!
//! An object's attributes are its own fields. Whatever runs pods also has `pod`, the pod's spec, `pod_labels`, and
//! `containers`: all of them, with `role` `container`, `init` or `ephemeral`, so that a rule is written once for pods,
//! deployments and jobs. `namespace`, `labels` and `annotations` stand for what `metadata` has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use troupe_estate::{GLOBAL, Place, Relation, Resource};

use crate::judge::{Source, Subject};
use crate::text::{Kind, Node};

/// Most pairs of a service and pods that are looked at.
const PAIRS_MAX: usize = 2_000_000;

/// Reads the objects of a document, one or those of a list, and counts what is none.
pub fn subjects(node: &Node, file: &str) -> (Vec<Subject>, usize) {
    let items =
        node.get("items").filter(|_| node.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List")));
    let nodes = items.map_or(std::slice::from_ref(node), Node::elements);
    let mut subjects: Vec<Subject> = nodes.iter().filter_map(|node| subject(node, file)).collect();
    for subject in &mut subjects {
        relate(&mut subject.resource);
    }
    let none = nodes.len() - subjects.len();
    (subjects, none)
}

fn subject(node: &Node, file: &str) -> Option<Subject> {
    let kind = node.get("kind")?.text()?;
    let group = node.get("apiVersion")?.text()?;
    let is_built_in = !group.contains('/')
        || group.contains(".k8s.io/")
        || ["apps/", "batch/", "autoscaling/", "policy/", "extensions/"].iter().any(|prefix| group.starts_with(prefix));
    let typed = match group.split_once('/') {
        Some((group, _)) if !is_built_in => format!("kubernetes.{group}/{kind}"),
        _ => format!("kubernetes.{kind}"),
    };
    let Value::Object(mut attributes) = node.value() else { return None };
    let metadata = attributes.remove("metadata").unwrap_or_default();
    attributes.remove("kind");
    attributes.remove("status");
    if let Some(version) = attributes.remove("apiVersion") {
        attributes.insert("api_version".to_owned(), version);
    }
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text("name").or_else(|| text("generateName")).unwrap_or_else(|| "unnamed".to_owned());
    let namespace = text("namespace");
    for key in ["labels", "annotations", "namespace"] {
        if let Some(value) = metadata.get(key) {
            attributes.insert(key.to_owned(), value.clone());
        }
    }
    let pod = pod(kind, &attributes);
    if let Some((labels, pod)) = pod {
        attributes.insert("containers".to_owned(), containers(&pod));
        attributes.insert("pod".to_owned(), pod);
        attributes.insert("pod_labels".to_owned(), labels);
    }
    let is_cluster_wide =
        kind.starts_with("Cluster") || ["Namespace", "Node", "PersistentVolume", "StorageClass"].contains(&kind);
    let within = if is_cluster_wide { None } else { Some(namespace.as_deref().unwrap_or("default").to_owned()) };
    let id = within.as_ref().map_or_else(|| name.clone(), |space| format!("{space}/{name}"));
    let aliases = vec![format!("{kind}/{id}")];
    let mut resource = Resource::new(typed, GLOBAL, id).name(&name);
    let labels = metadata.get("labels").and_then(Value::as_object);
    resource.tags = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect::<BTreeMap<_, _>>();
    resource.created = metadata.get("creationTimestamp").and_then(Value::as_str).and_then(troupe_estate::time::at);
    resource.attributes = attributes;
    let line = if matches!(node.kind, Kind::Map(_)) { node.entries().next().map(|entry| entry.line) } else { None };
    Some(Subject { resource, source: Source::Kubernetes, place: Some(Place { file: file.to_owned(), line }), aliases })
}

/// The labels and the spec of the pods that an object runs.
fn pod(kind: &str, attributes: &Map<String, Value>) -> Option<(Value, Value)> {
    let spec = attributes.get("spec")?;
    let template = match kind {
        "Pod" => {
            let labels = attributes.get("labels").cloned().unwrap_or_default();
            return Some((labels, spec.clone()));
        }
        "CronJob" => spec.get("jobTemplate")?.get("spec")?.get("template")?,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "ReplicationController" => {
            spec.get("template")?
        }
        _ => return None,
    };
    let labels = template.get("metadata").and_then(|metadata| metadata.get("labels")).cloned().unwrap_or_default();
    Some((labels, template.get("spec")?.clone()))
}

fn containers(pod: &Value) -> Value {
    let of = |key: &str, role: &'static str| {
        let list = pod.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        list.into_iter().map(move |mut container| {
            if let Value::Object(entries) = &mut container {
                entries.insert("role".to_owned(), json!(role));
            }
            container
        })
    };
    of("containers", "container")
        .chain(of("initContainers", "init"))
        .chain(of("ephemeralContainers", "ephemeral"))
        .collect()
}

/// The labels of pods, and what runs them.
type Labelled = (Map<String, Value>, String);

/// Notes which pods services send requests to: those of their namespace that have all labels of their selectors.
///
/// # Errors
///
/// If they are more than anybody may look at, with how many were.
pub fn connect(subjects: &mut [Subject]) -> Result<(), String> {
    let space = |resource: &Resource| {
        resource.attributes.get("namespace").and_then(Value::as_str).unwrap_or("default").to_owned()
    };
    let mut pods: BTreeMap<String, Vec<Labelled>> = BTreeMap::new();
    for subject in subjects.iter().filter(|subject| subject.source == Source::Kubernetes) {
        let labels = subject.resource.attributes.get("pod_labels").and_then(Value::as_object);
        if let (Some(labels), Some(alias)) = (labels, subject.aliases.first()) {
            pods.entry(space(&subject.resource)).or_default().push((labels.clone(), alias.clone()));
        }
    }
    let mut left = PAIRS_MAX;
    for subject in subjects.iter_mut().filter(|subject| subject.resource.kind == "kubernetes.Service") {
        let selector = subject.resource.attributes.get("spec").and_then(|spec| spec.get("selector"));
        let Some(selector) = selector.and_then(Value::as_object).filter(|selector| !selector.is_empty()).cloned()
        else {
            continue;
        };
        let mut chosen: BTreeSet<&str> = BTreeSet::new();
        for (labels, alias) in pods.get(&space(&subject.resource)).into_iter().flatten() {
            if left == 0 {
                return Err(format!("{PAIRS_MAX} pairs of services and pods were looked at; the others were not"));
            }
            left -= 1;
            if selector.iter().all(|(key, value)| labels.get(key) == Some(value)) {
                chosen.insert(alias);
            }
        }
        let relations = chosen.into_iter().map(|alias| Relation { kind: "pods".into(), target: alias.to_owned() });
        subject.resource.relations.extend(relations);
    }
    Ok(())
}

/// The services that an ingress sends requests to.
fn backends(spec: &Value) -> Vec<String> {
    let name = |backend: &Value| backend.get("service")?.get("name")?.as_str().map(str::to_owned);
    let of = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let paths = of(spec, "rules")
        .into_iter()
        .flat_map(|rule| rule.get("http").map(|http| of(http, "paths")).unwrap_or_default());
    let all = paths.filter_map(|path| path.get("backend").cloned()).chain(spec.get("defaultBackend").cloned());
    all.filter_map(|backend| name(&backend)).collect()
}

/// Notes what an object uses: `KIND/NAMESPACE/NAME`.
fn relate(resource: &mut Resource) {
    let namespace = resource.attributes.get("namespace").and_then(Value::as_str).unwrap_or("default").to_owned();
    let mut relations: Vec<(&'static str, String)> = Vec::new();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(pod) = resource.attributes.get("pod") {
        let account = text(pod.get("serviceAccountName")).unwrap_or_else(|| "default".to_owned());
        relations.push(("service-account", format!("ServiceAccount/{namespace}/{account}")));
        for volume in pod.get("volumes").and_then(Value::as_array).into_iter().flatten() {
            if let Some(secret) = text(volume.get("secret").and_then(|secret| secret.get("secretName"))) {
                relations.push(("secret", format!("Secret/{namespace}/{secret}")));
            }
        }
    }
    if let Some(spec) = resource.attributes.get("spec").filter(|_| resource.kind == "kubernetes.Ingress") {
        relations.extend(backends(spec).into_iter().map(|name| ("service", format!("Service/{namespace}/{name}"))));
    }
    let role = resource.attributes.get("roleRef").map(|role| (text(role.get("kind")), text(role.get("name"))));
    if let Some((Some(kind), Some(name))) = role {
        let within = if kind == "ClusterRole" { String::new() } else { format!("{namespace}/") };
        relations.push(("role", format!("{kind}/{within}{name}")));
    }
    for subject in resource.attributes.get("subjects").and_then(Value::as_array).into_iter().flatten() {
        if let (Some("ServiceAccount"), Some(name)) =
            (subject.get("kind").and_then(Value::as_str), text(subject.get("name")))
        {
            let space = text(subject.get("namespace")).unwrap_or_else(|| namespace.clone());
            relations.push(("subject", format!("ServiceAccount/{space}/{name}")));
        }
    }
    let relations: BTreeSet<(&'static str, String)> = relations.into_iter().collect();
    resource.relations.extend(relations.into_iter().map(|(kind, target)| Relation { kind: kind.into(), target }));
}
