//! `troupe keys`: tokens for people and programs.

use std::process::ExitCode;

use troupe_core::view::{CreatedKey, KeyView, NewKey, Page};
use troupe_core::{Code, Error, Result, Scope};

use crate::args::{Args, Keys, KeysCommand};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

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
        Some(KeysCommand::Create { name, scopes, expires }) => {
            let request = NewKey {
                name: name.parse()?,
                scopes: scopes.iter().map(|word| scope(word)).collect::<Result<_>>()?,
                expires_in_s: expires.as_deref().map(seconds).transpose()?,
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
            at(key.expires_at),
            at(key.revoked_at),
            at(key.used_at),
        ]
    };
    table(&["key", "name", "scopes", "expires", "revoked", "used"], &keys.iter().map(row).collect::<Vec<_>>())
}

fn scope(word: &str) -> Result<Scope> {
    Scope::parse(word.trim()).ok_or_else(|| {
        let message =
            format!("there is no scope `{word}`; there are read, run, operate, audit, admin, metrics and machine");
        Error::new(Code::RequestInvalid, message)
    })
}

/// The units of a key's lifetime, and the seconds in each.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// Reads a time such as `30d`.
fn seconds(text: &str) -> Result<u64> {
    let read = UNITS.iter().find_map(|(unit, worth)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*worth)
    });
    read.ok_or_else(|| {
        let message = format!("`--expires {text}` is not a whole number with a unit of s, m, h or d, such as `30d`");
        Error::new(Code::RequestInvalid, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_with_its_unit() {
        assert_eq!(seconds("30d").unwrap(), 2_592_000);
        assert_eq!(seconds("90 m").unwrap(), 5_400);
        for wrong in ["", "d", "30", "1.5h", "-1d", "30 days", "18446744073709551615d"] {
            assert_eq!(seconds(wrong).unwrap_err().code, Code::RequestInvalid, "{wrong}");
        }
    }
}
