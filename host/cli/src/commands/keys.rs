//! `troupe keys`: tokens for people and programs.

use std::process::ExitCode;

use troupe_core::view::{CreatedKey, KeyView, NewKey, Page};
use troupe_core::{Code, Error, Result, Scope};

use crate::args::{Args, Keys, KeysCommand};
use crate::client::{Client, segment};
use crate::human::table;
use crate::{output, time};

const PATH: &str = "/api/v1/keys";

pub(crate) async fn run(args: &Args, command: &Keys) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let whose = command.tenant.as_ref().map(|tenant| format!("?tenant={}", segment(tenant))).unwrap_or_default();
    match &command.command {
        None => {
            let query: Vec<_> = command.tenant.iter().map(|tenant| ("tenant", tenant.clone())).collect();
            let keys: Vec<KeyView> = client.all(PATH, &query).await?;
            let page = Page { items: keys, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
        }
        Some(KeysCommand::Create { name, scopes, agents, expires }) => {
            let request = NewKey {
                name: name.parse()?,
                scopes: scopes.iter().map(|word| scope(word)).collect::<Result<_>>()?,
                agents: (!agents.is_empty())
                    .then(|| agents.iter().map(|names| names.parse()).collect::<Result<_>>())
                    .transpose()?,
                expires_in_s: expires.as_deref().map(|time| time::seconds("--expires", time)).transpose()?,
            };
            let created: CreatedKey = client.post(&format!("{PATH}{whose}"), &request).await?;
            output::answer(args.json, &created, |created| {
                format!(
                    "key    {}\ntoken  {}\nkeep the token now: it is not shown again",
                    created.key.id, created.token
                )
            })?;
        }
        Some(KeysCommand::Revoke { key }) => {
            let path = format!("{PATH}/{}/revoke{whose}", segment(key));
            let revoked: KeyView = client.post(&path, &()).await?;
            output::answer(args.json, &revoked, |revoked| format!("{} ({}) is revoked", revoked.id, revoked.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(keys: &[KeyView]) -> String {
    if keys.is_empty() {
        return "no keys yet; `troupe keys create --name NAME --scopes read,run` makes one".to_owned();
    }
    let row = |key: &KeyView| {
        let at = |at: Option<troupe_core::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        vec![
            key.id.to_string(),
            key.name.to_string(),
            scopes.join(","),
            agents(key),
            at(key.expires_at),
            at(key.revoked_at),
            at(key.used_at),
        ]
    };
    table(&["key", "name", "scopes", "agents", "expires", "revoked", "used"], &keys.iter().map(row).collect::<Vec<_>>())
}

/// The agents that a key is bound to, on one line.
fn agents(key: &KeyView) -> String {
    let names: Vec<String> = key.agents.iter().map(ToString::to_string).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}

fn scope(word: &str) -> Result<Scope> {
    Scope::parse(word.trim()).ok_or_else(|| {
        let message = format!(
            "there is no scope `{word}`; there are read, run, operate, approve, audit, admin, metrics and machine"
        );
        Error::new(Code::RequestInvalid, message)
    })
}
