//! Which names lead to what was found.
//!
//! A record leads to a resource by the resource's name or address in it. An address of a private network counts
//! in a private zone alone: outside of it another network may have the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::found::Found;
use crate::model::Resource;
use crate::services::{Scope, route53};

/// Attributes in which a resource tells the names and addresses by which it is asked.
const ASKED_BY: [&str; 5] = ["address", "dns_name", "domain_name", "endpoint", "public_ip"];

/// Names by what they lead to.
#[derive(Debug, Default)]
pub struct Names {
    public: BTreeMap<String, Vec<Value>>,
    private: BTreeMap<String, Vec<Value>>,
}

impl Names {
    /// Asks for the records of every zone; returns what could not be asked.
    pub async fn ask(&mut self, scope: Scope<'_>) -> Found {
        let (records, found) = route53::records(scope).await;
        for record in records {
            let names = if record.private { &mut self.private } else { &mut self.public };
            let told = json!({ "name": record.name, "type": record.kind, "zone": record.zone });
            for target in record.targets {
                names.entry(canonical(&target)).or_default().push(told.clone());
            }
        }
        found
    }

    /// Puts into each resource the names that lead to it, as `names`.
    pub fn put(&self, resources: &mut [Resource]) {
        for resource in resources {
            let of = |name: &str| resource.attributes.get(name).and_then(Value::as_str).map(canonical);
            let asked_by = || ASKED_BY.iter().filter_map(|name| of(name));
            let public = asked_by().filter_map(|name| self.public.get(&name));
            let private = asked_by().chain(of("private_ip")).filter_map(|name| self.private.get(&name));
            let names: Vec<Value> = public.chain(private).flatten().cloned().collect();
            if !names.is_empty() {
                resource.set("names", names);
            }
        }
    }
}

/// A name as both sides write it: records lead to load balancers by a second one, for both kinds of addresses.
fn canonical(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_prefix("dualstack.").unwrap_or(&name).to_owned()
}
