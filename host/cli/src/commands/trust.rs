//! `troupe trust`: whose signatures releases need.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::trust::NamePattern;
use troupe_core::view::{NewTrustRule, NewTrustedKey, TrustChange, TrustView};

use crate::args::{Args, Trust, TrustVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::{output, signing, time};

pub(crate) async fn run(args: &Args, command: &Trust) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let whose = command.tenant.as_ref().map(|tenant| format!("?tenant={}", segment(tenant))).unwrap_or_default();
    let path = format!("/api/v1/trust{whose}");
    let view: TrustView = match &command.verb {
        None | Some(TrustVerb::Show) => client.get(&path).await?,
        Some(verb) => client.patch(&path, &change(verb)?).await?,
    };
    output::answer(args.json, &view, show)?;
    Ok(ExitCode::SUCCESS)
}

/// The change that a verb means.
fn change(verb: &TrustVerb) -> Result<TrustChange> {
    Ok(match verb {
        TrustVerb::Show => TrustChange::default(),
        TrustVerb::Add { file, name, names, expires } => {
            let key = NewTrustedKey {
                name: name.parse()?,
                public_key: signing::text(file)?,
                expires_in_s: expires.as_deref().map(|time| time::seconds("--expires", time)).transpose()?,
                names: names.iter().map(|names| names.parse::<NamePattern>()).collect::<Result<_>>()?,
            };
            TrustChange { add: vec![key], ..TrustChange::default() }
        }
        TrustVerb::Revoke { key } => TrustChange { revoke: vec![key.clone()], ..TrustChange::default() },
        TrustVerb::Remove { key } => TrustChange { remove: vec![key.clone()], ..TrustChange::default() },
        TrustVerb::Rule { names, remove: true, .. } => {
            TrustChange { remove_rules: vec![names.parse()?], ..TrustChange::default() }
        }
        TrustVerb::Rule { names, keys, threshold, .. } => {
            let rule = NewTrustRule { names: names.parse()?, keys: keys.clone(), threshold: Some(*threshold) };
            TrustChange { set_rules: vec![rule], ..TrustChange::default() }
        }
    })
}

fn show(view: &TrustView) -> String {
    let at = |at: Option<troupe_core::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let keys = view.keys.iter().map(|key| {
        vec![
            key.name.to_string(),
            key.standing.as_str().to_owned(),
            key.kind.as_str().to_owned(),
            at(key.expires_at),
            key.id.to_string(),
        ]
    });
    let mut out = table(&["key", "standing", "kind", "expires", "id"], &keys.collect::<Vec<_>>());
    if view.rules.is_empty() {
        out.push_str("\nno rule: nothing that is signed counts; `troupe trust rule '*' --keys NAME` makes one");
    } else {
        let called =
            |id| view.keys.iter().find(|key| key.id == id).map_or_else(|| id.to_string(), |key| key.name.to_string());
        let rules = view.rules.iter().map(|rule| {
            let keys: Vec<String> = rule.keys.iter().map(|id| called(*id)).collect();
            vec![rule.names.to_string(), rule.threshold.to_string(), keys.join(", ")]
        });
        out.push('\n');
        out.push_str(&table(&["names", "wanted", "of the keys"], &rules.collect::<Vec<_>>()));
    }
    if !view.required {
        out.push_str("\nthis host runs what nobody signed, too");
    }
    out
}
