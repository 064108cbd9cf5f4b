//! Who has which rights: one question tells the policies that users, groups and roles have of their own or attached, which
//! groups users are in, which instance profiles hold roles, and the managed policies that are the account's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document;
use crate::client::Fault;
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::query::Api;
use crate::protocol::xml::Element;
use crate::when;

const DETAILS: (&str, &str) = ("iam", "GetAccountAuthorizationDetails");

/// What is told; not the policies that AWS manages, which are the same everywhere.
const FILTER: [(&str, &str); 5] = [
    ("Filter.member.1", "User"),
    ("Filter.member.2", "Group"),
    ("Filter.member.3", "Role"),
    ("Filter.member.4", "LocalManagedPolicy"),
    ("MaxItems", "1000"),
];

/// Who is found elsewhere and has rights: the list of them, of their own policies, their type, what their id is called.
const OWNERS: [(&str, &str, &str, &str); 2] = [
    ("UserDetailList", "UserPolicyList", "aws.iam.user", "UserName"),
    ("RoleDetailList", "RolePolicyList", "aws.iam.role", "RoleName"),
];

/// What users, groups and roles have.
const TELLS: [&str; 2] = ["policies", "attached_policies"];

/// The types that are found here alone.
const HIDDEN: [&str; 3] = ["aws.iam.group", "aws.iam.instance-profile", "aws.iam.policy"];

/// What somebody may do.
#[derive(Debug)]
struct Rights {
    policies: Value,
    /// The ARNs of policies that are attached.
    attached: Vec<String>,
    /// The names of the groups that a user is in.
    groups: Vec<String>,
}

/// The rights of users and roles, by type and id; groups, instance profiles and policies are resources.
#[derive(Debug, Default)]
pub struct Details {
    rights: BTreeMap<(&'static str, String), Rights>,
    found: Found,
    fault: Option<Fault>,
}

/// Asks for the details.
pub async fn collect(api: Api<'_>) -> Details {
    let mut details = Details::default();
    let read = |page: Element<'_>| {
        for (set, own, kind, name) in OWNERS {
            let items =
                page.list(set).filter_map(|item| Some(((kind, item.text(name)?.to_owned()), rights(item, own))));
            details.rights.extend(items);
        }
        details.found.resources.extend(page.list("GroupDetailList").filter_map(group));
        details.found.resources.extend(page.list("RoleDetailList").flat_map(profiles));
        details.found.resources.extend(page.list("Policies").filter_map(policy));
    };
    details.fault = api.pages(DETAILS.1, &FILTER, read).await.err();
    details
}

impl Details {
    /// Puts the rights into the users and roles that were found, and returns everything.
    pub fn put_into(mut self, others: impl IntoIterator<Item = Found>) -> Found {
        let mut whole = Found::all(others);
        let arn_of = |group: &Resource| Some((group.id.clone(), group.arn.clone()?));
        let groups = self.found.resources.iter().filter(|resource| resource.kind == "aws.iam.group");
        let groups: BTreeMap<String, String> = groups.filter_map(arn_of).collect();
        for resource in &mut whole.resources {
            let Some((_, _, kind, _)) = OWNERS.into_iter().find(|(_, _, kind, _)| *kind == resource.kind) else {
                continue;
            };
            match self.rights.remove(&(kind, resource.id.clone())) {
                Some(rights) => {
                    // Other things have the names of groups too, and nothing else has their ARNs.
                    for group in &rights.groups {
                        resource.relate("group", groups.get(group).unwrap_or(group));
                    }
                    rights.put(resource);
                }
                // One that came between two questions is not known either.
                None => resource.unread(&TELLS),
            }
        }
        if let Some(fault) = self.fault {
            self.found.note_hiding(DETAILS, GLOBAL, None, &HIDDEN, fault);
        }
        Found::all([whole, self.found])
    }
}

impl Rights {
    fn put(self, resource: &mut Resource) {
        for policy in &self.attached {
            resource.relate("policy", policy);
        }
        resource.set("policies", self.policies);
        resource.set("attached_policies", self.attached);
    }
}

/// What somebody has of his own, what is attached to him, and where he is a member.
fn rights(item: Element<'_>, own: &str) -> Rights {
    let policies = item.list(own).map(
        |policy| json!({ "name": policy.text("PolicyName"), "document": policy.text("PolicyDocument").and_then(document) }),
    );
    Rights {
        policies: policies.collect(),
        attached: item.texts("AttachedManagedPolicies", "PolicyArn").collect(),
        groups: item.own_texts("GroupList").collect(),
    }
}

fn group(item: Element<'_>) -> Option<Resource> {
    let name = item.text("GroupName")?;
    let mut group = Resource::new("aws.iam.group", GLOBAL, name)
        .name(name)
        .arn(item.text("Arn").map(str::to_owned))
        .created(item.text("CreateDate").and_then(when::at))
        .with("path", item.text("Path"));
    rights(item, "GroupPolicyList").put(&mut group);
    Some(group)
}

/// The instance profiles that hold a role: a machine with the profile has the role. One without a role gives nobody
/// anything, and is not told.
fn profiles(role: Element<'_>) -> impl Iterator<Item = Resource> {
    let held = role.text("Arn").or_else(|| role.text("RoleName"));
    role.list("InstanceProfileList").filter_map(move |item| {
        let name = item.text("InstanceProfileName")?;
        let profile = Resource::new("aws.iam.instance-profile", GLOBAL, name)
            .name(name)
            .arn(item.text("Arn").map(str::to_owned))
            .created(item.text("CreateDate").and_then(when::at))
            .with("path", item.text("Path"))
            .to("role", held);
        Some(profile)
    })
}

fn policy(item: Element<'_>) -> Option<Resource> {
    let arn = item.text("Arn")?;
    let versions = || item.list("PolicyVersionList");
    let current = versions().find(|version| version.truth("IsDefaultVersion") == Some(true));
    let text = current.and_then(|version| version.text("Document"));
    let name = item.text("PolicyName").unwrap_or_default();
    let policy = Resource::new("aws.iam.policy", GLOBAL, arn)
        .name(name)
        .arn(Some(arn.to_owned()))
        .created(item.text("CreateDate").and_then(when::at))
        .with("path", item.text("Path"))
        .with("attachments", item.number("AttachmentCount"))
        .with("versions", Some(versions().count()))
        .with("document", text.and_then(document));
    Some(policy)
}
