//! How Azure Resource Manager is asked, and the forms of its answers.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use troupe_cloud::{Budget, Client, Fault, Next};
use troupe_sdk::http::{self, Request};

/// The credential that the host asks with.
pub const CREDENTIAL: &str = "azure:default";

/// Requests under way at once. Resource Manager refills a bucket of 250 reads by 25 a second for each subscription
/// and caller (learn.microsoft.com, *Throttling Resource Manager requests*, 2024); 16 at once keep below that.
pub const AT_ONCE: usize = 16;

const ADDRESS: &str = "https://management.azure.com";

/// The version by which subscriptions are asked for.
pub const SUBSCRIPTIONS_API: &str = "2022-12-01";

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// What is listed, each an object with `id`, `name`, `type` and what its type has.
    #[serde(default)]
    pub value: Vec<Value>,
    next_link: Option<String>,
}

impl Page {
    /// Where the list goes on.
    ///
    /// # Errors
    ///
    /// As [`next`].
    pub fn next(&self) -> Result<Option<Next>, Fault> {
        next(self.next_link.as_deref())
    }
}

/// Where a list goes on. Resource Manager gives an address of its own, in which some services name the port.
///
/// # Errors
///
/// Another address is not followed, so that the list is not whole.
pub fn next(link: Option<&str>) -> Result<Option<Next>, Fault> {
    let Some(link) = link.filter(|link| !link.is_empty()) else { return Ok(None) };
    let path = link.strip_prefix(ADDRESS).map(|rest| rest.strip_prefix(":443").unwrap_or(rest));
    let Some(path) = path.filter(|path| path.starts_with('/')) else {
        return Err(Fault::unreadable("the list goes on at an address that is not Resource Manager's"));
    };
    // Some services leave spaces in it as they are.
    Ok(Some(Next::at(format!("{ADDRESS}{}", path.replace(' ', "%20")))))
}

/// What asks Resource Manager, for as long as the invocation has time.
pub fn client() -> Client {
    Client::new(CREDENTIAL, AT_ONCE, Budget::of_invocation().until)
}

/// Begins to ask for a path, by a version of the API.
pub fn get(path: &str, api: &str) -> Request {
    http::get(format!("{ADDRESS}{path}")).query("api-version", api)
}

/// Begins a POST to a path, by a version of the API.
pub fn post(path: &str, api: &str, body: &Value) -> Request {
    http::post(format!("{ADDRESS}{path}")).query("api-version", api).json(body)
}

/// The subscription in an id.
///
/// ```text
/// /subscriptions/0000/resourceGroups/web/providers/Microsoft.Compute/disks/data → 0000
/// ```
pub fn subscription_of(id: &str) -> Option<&str> {
    after(id, "subscriptions")
}

/// The resource group in an id.
pub fn group_of(id: &str) -> Option<&str> {
    after(id, "resourceGroups")
}

/// The id of the resource group in an id of something in it.
pub fn group_id_of(id: &str) -> Option<&str> {
    const WORD: &str = "/resourcegroups/";
    let start = id.to_ascii_lowercase().find(WORD)? + WORD.len();
    let end = id.get(start..)?.find('/')? + start;
    id.get(..end)
}

/// The id of what an id lies in, which is the noun's: `…/servers/db1` of `…/servers/db1/databases/app` for `servers`.
pub fn parent_of<'a>(id: &'a str, noun: &str) -> Option<&'a str> {
    let word = format!("/{}/", noun.to_ascii_lowercase());
    let start = id.to_ascii_lowercase().rfind(&word)? + word.len();
    let end = id.get(start..)?.find('/')? + start;
    id.get(..end)
}

/// The part that stands after a word; Azure writes the words now with large letters and now with small ones.
fn after<'a>(id: &'a str, word: &str) -> Option<&'a str> {
    let mut parts = id.split('/').filter(|part| !part.is_empty());
    while let Some(part) = parts.next() {
        if part.eq_ignore_ascii_case(word) {
            return parts.next();
        }
    }
    None
}

/// An id as a part of an address. Azure lets names have spaces and the like in them.
pub fn encoded(path: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~()$".contains(c);
    if path.chars().all(is_plain) {
        return path.into();
    }
    path.split('/').map(http::escape).collect::<Vec<_>>().join("/").into()
}

/// A region in the form of its API: older services write `East US 2` where others write `eastus2`.
pub fn region(location: &str) -> String {
    location.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_its_resource_is() {
        let id = "/Subscriptions/s1/resourcegroups/Web-RG/providers/Microsoft.Compute/disks/data";
        assert_eq!((subscription_of(id), group_of(id)), (Some("s1"), Some("Web-RG")));
        assert_eq!(group_id_of(id), Some("/Subscriptions/s1/resourcegroups/Web-RG"));
        assert_eq!(group_id_of("/subscriptions/s1/resourceGroups/web"), None, "it is the group itself");
        assert_eq!(subscription_of("/providers/Microsoft.Authorization/roleDefinitions/r"), None);
        assert_eq!(region("East US 2"), "eastus2");
        let database = "/subscriptions/s1/resourceGroups/servers/providers/Microsoft.Sql/servers/db1/databases/app";
        assert_eq!(parent_of(database, "servers"), database.strip_suffix("/databases/app"));
    }

    #[test]
    fn a_list_goes_on_at_resource_manager_alone() {
        let next = |link: &str| next(Some(link)).map(|next| next.map(|next| next.token));
        for link in ["https://management.azure.com/a?b=c d", "https://management.azure.com:443/a?b=c d"] {
            assert_eq!(next(link), Ok(Some("https://management.azure.com/a?b=c%20d".to_owned())));
        }
        for link in ["https://elsewhere.example/a", "https://management.azure.com.elsewhere.example/a", "/a"] {
            assert_eq!(next(link).unwrap_err().code, "unreadable", "{link}");
        }
        assert_eq!(next(""), Ok(None));
    }
}
