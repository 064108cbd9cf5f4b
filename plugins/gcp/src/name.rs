//! What resources are called: full resource names, as Cloud Asset Inventory writes them.
//!
//! A full resource name is unique in the world. The services themselves name resources by links and by names that
//! are unique within one service; both become full names here, so that an `id` is the same whichever way the
//! resource was found, and a relation's target is some resource's `id`.
//!
//! | a service says | full name |
//! |---|---|
//! | `https://www.googleapis.com/compute/v1/projects/p/zones/z/disks/d` | `//compute.googleapis.com/projects/p/zones/z/disks/d` |
//! | `https://container.googleapis.com/v1/projects/p/zones/z/clusters/c` | `//container.googleapis.com/projects/p/zones/z/clusters/c` |
//! | `https://sqladmin.googleapis.com/sql/v1beta4/projects/p/instances/i` | `//cloudsql.googleapis.com/projects/p/instances/i` |
//! | `projects/p/topics/t`, of Pub/Sub | `//pubsub.googleapis.com/projects/p/topics/t` |

/// The full name of what a service calls by a link or a name of its own; none if it is neither.
pub fn full(service: &str, told: &str) -> Option<String> {
    if told.starts_with("//") {
        return Some(told.to_owned());
    }
    let Some(rest) = told.strip_prefix("https://").or_else(|| told.strip_prefix("http://")) else {
        let path = told.trim_start_matches('/');
        return (!path.is_empty()).then(|| format!("//{service}/{path}"));
    };
    let (host, path) = rest.split_once('/')?;
    // What stands before `projects/…` in a link is the version, and the service where the host does not say.
    let start =
        path.find("projects/").filter(|start| *start == 0 || path.get(..*start).is_some_and(|b| b.ends_with('/')));
    let (before, name) = path.split_at(start?);
    let of_link = if host == "www.googleapis.com" || host == "content.googleapis.com" {
        format!("{}.googleapis.com", before.split('/').next().filter(|word| !word.is_empty())?)
    } else {
        host.to_owned()
    };
    // Cloud SQL's names are of `cloudsql`, whatever host it is asked at; so are those of `sql` links.
    let of_link = match of_link.as_str() {
        "sqladmin.googleapis.com" | "sql.googleapis.com" => "cloudsql.googleapis.com",
        other => other,
    };
    Some(format!("//{of_link}/{name}"))
}

/// The last word of a link or name: `n1-standard-1` of `…/machineTypes/n1-standard-1`.
pub fn last(told: &str) -> &str {
    told.trim_end_matches('/').rsplit('/').next().unwrap_or(told)
}

/// The word behind another in a name: the zone of `…/zones/us-east1-b/disks/d` is behind `zones`.
pub fn behind<'a>(name: &'a str, word: &str) -> Option<&'a str> {
    let mut words = name.split('/');
    words.find(|one| *one == word)?;
    words.next().filter(|next| !next.is_empty())
}

/// The region of a location: `us-east1` of the zones `us-east1-b` and `us-east1-ai1b`, and of Spanner's
/// `regional-us-east1`; any other as it is, in lower case.
pub fn region(location: &str) -> String {
    let lower = location.to_ascii_lowercase();
    let location = lower.strip_prefix("regional-").unwrap_or(&lower);
    match location.rsplit_once('-') {
        Some((region, zone))
            if is_zone(zone) && region.contains('-') && region.ends_with(|last: char| last.is_ascii_digit()) =>
        {
            region.to_owned()
        }
        _ => location.to_owned(),
    }
}

/// Reports whether this is what a zone adds to its region: a letter, or for one of machines for AI `ai1b`.
fn is_zone(word: &str) -> bool {
    let letter = word.strip_prefix("ai").map_or(word, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// The zone of a location, if it is one.
pub fn zone(location: &str) -> Option<String> {
    let lower = location.to_ascii_lowercase();
    (region(&lower) != lower && !lower.starts_with("regional-")).then_some(lower)
}

/// The key of a key's version: what encrypts is told by its version, what is managed is the key.
pub fn key(told: &str) -> &str {
    told.split("/cryptoKeyVersions/").next().unwrap_or(told)
}

/// The full name of a service account by its address, as a resource of the project `own` uses it; none of an agent
/// that Google runs for itself.
///
/// The default account of Compute does not tell its project: it is that of whoever uses it.
pub fn account(email: &str, own: &str) -> Option<String> {
    let (user, domain) = email.split_once('@')?;
    let project = match domain {
        "developer.gserviceaccount.com" => own,
        "appspot.gserviceaccount.com" => user,
        _ => domain.strip_suffix(".iam.gserviceaccount.com").filter(|project| !project.starts_with("gcp-sa-"))?,
    };
    Some(format!("//iam.googleapis.com/projects/{project}/serviceAccounts/{email}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_names_become_full_names() {
        for (service, told, name) in [
            (
                "compute.googleapis.com",
                "https://www.googleapis.com/compute/v1/projects/p/zones/z/disks/d",
                "//compute.googleapis.com/projects/p/zones/z/disks/d",
            ),
            (
                "compute.googleapis.com",
                "https://compute.googleapis.com/compute/beta/projects/p/global/networks/n",
                "//compute.googleapis.com/projects/p/global/networks/n",
            ),
            (
                "container.googleapis.com",
                "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c",
                "//container.googleapis.com/projects/p/locations/l/clusters/c",
            ),
            (
                "cloudsql.googleapis.com",
                "https://sqladmin.googleapis.com/sql/v1beta4/projects/p/instances/i",
                "//cloudsql.googleapis.com/projects/p/instances/i",
            ),
            ("pubsub.googleapis.com", "projects/p/topics/t", "//pubsub.googleapis.com/projects/p/topics/t"),
            ("x", "//storage.googleapis.com/b", "//storage.googleapis.com/b"),
        ] {
            assert_eq!(full(service, told).as_deref(), Some(name), "{told}");
        }
        assert_eq!((full("a", ""), full("a", "https://example.com/elsewhere")), (None, None));
    }

    #[test]
    fn a_zone_lies_in_a_region() {
        for (location, in_region, in_zone) in [
            ("us-central1-a", "us-central1", Some("us-central1-a")),
            ("us-central1", "us-central1", None),
            ("us-south1-ai1b", "us-south1", Some("us-south1-ai1b")),
            ("regional-us-central1", "us-central1", None),
            ("nam6", "nam6", None),
            ("US", "us", None),
            ("EUR4", "eur4", None),
            ("NORTHAMERICA-NORTHEAST1", "northamerica-northeast1", None),
            ("global", "global", None),
        ] {
            assert_eq!((region(location).as_str(), zone(location).as_deref()), (in_region, in_zone));
        }
    }

    #[test]
    fn a_service_account_is_of_the_project_in_its_address() {
        assert_eq!(
            account("app@acme.iam.gserviceaccount.com", "own").as_deref(),
            Some("//iam.googleapis.com/projects/acme/serviceAccounts/app@acme.iam.gserviceaccount.com")
        );
        assert_eq!(
            account("12-compute@developer.gserviceaccount.com", "own").as_deref(),
            Some("//iam.googleapis.com/projects/own/serviceAccounts/12-compute@developer.gserviceaccount.com")
        );
        assert_eq!(account("service-1@gcp-sa-pubsub.iam.gserviceaccount.com", "own"), None);
        assert_eq!(account("ann@example.com", "own"), None);
    }
}
