//! AWS Backup: the vaults of one region with who may open them, and the plans that fill them.

use serde_json::{Value, json};
use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Item, Paging};
use crate::protocol::rest;
use crate::services::{Scope, absent, each, policy, told};

const SERVICE: &str = "backup";
const VAULTS: (&str, &str) = (SERVICE, "ListBackupVaults");
const POLICY: (&str, &str) = (SERVICE, "GetBackupVaultAccessPolicy");
const PLANS: (&str, &str) = (SERVICE, "ListBackupPlans");
const PLAN: (&str, &str) = (SERVICE, "GetBackupPlan");
const SELECTIONS: (&str, &str) = (SERVICE, "ListBackupSelections");
const TAGS: (&str, &str) = (SERVICE, "ListTags");

/// How the lists go on.
const PAGING: Paging = Paging { take: "NextToken", give: "nextToken" };

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("maxResults", "1000");

/// What the service says where nobody wrote a policy.
const NO_POLICY: &str = "ResourceNotFoundException";

/// Lists vaults and plans and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let base = regional(SERVICE, scope.region);
    let (vaults, plans) = wait::both(vaults(scope, &base), plans(scope, &base)).await;
    Found::all([vaults, plans])
}

async fn vaults(scope: Scope<'_>, base: &str) -> Found {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| listed.extend(page.list("BackupVaultList").filter_map(|item| vault(&scope, item)));
    let url = format!("{base}backup-vaults/");
    if let Err(fault) = rest::pages(scope.client, &url, &[PAGE], PAGING, read).await {
        found.note_hiding(VAULTS, scope.region, None, &["aws.backup.vault"], fault);
    }
    each(found, listed, |vault| describe_vault(scope, base, vault)).await
}

fn vault(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let name = item.text("BackupVaultName")?;
    let arn = item.text("BackupVaultArn").map(str::to_owned);
    let resource = Resource::new("aws.backup.vault", scope.region, name)
        .name(name)
        .arn(arn.or_else(|| scope.arn(SERVICE, &format!("backup-vault:{name}"))))
        .created(item.time("CreationDate"))
        .with("kind", item.text("VaultType"))
        .with("recovery_points", item.number("NumberOfRecoveryPoints"))
        .with("locked", Some(item.truth("Locked").unwrap_or_default()))
        .with("lock_from", item.time("LockDate"))
        .with("retention_days_min", item.number("MinRetentionDays"))
        .with("retention_days_max", item.number("MaxRetentionDays"))
        .to("kms-key", item.text("EncryptionKeyArn"));
    Some(resource)
}

async fn describe_vault(scope: Scope<'_>, base: &str, mut vault: Resource) -> Found {
    let mut found = Found::default();
    let url = format!("{base}backup-vaults/{}/access-policy", escape(&vault.id));
    let (policy, tags) = wait::both(rest::get_json(scope.client, url, &[]), tags(scope, base, &vault)).await;
    let policy = absent(policy, &[NO_POLICY]);
    told(&mut found, &mut vault, POLICY, &["public", "policy"], &policy, |vault, answer| {
        policy::put(vault, answer.text("Policy"));
    });
    told(&mut found, &mut vault, TAGS, &["tags"], &tags, |vault, answer| vault.tags.extend(answer.tags("Tags")));
    found.resources.push(vault);
    found
}

async fn plans(scope: Scope<'_>, base: &str) -> Found {
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| listed.extend(page.list("BackupPlansList").filter_map(|item| plan(&scope, item)));
    let url = format!("{base}backup/plans/");
    if let Err(fault) = rest::pages(scope.client, &url, &[PAGE], PAGING, read).await {
        found.note_hiding(PLANS, scope.region, None, &["aws.backup.plan"], fault);
    }
    each(found, listed, |plan| describe_plan(scope, base, plan)).await
}

fn plan(scope: &Scope<'_>, item: Item<'_>) -> Option<Resource> {
    let id = item.text("BackupPlanId")?;
    let mut resource = Resource::new("aws.backup.plan", scope.region, id)
        .arn(item.text("BackupPlanArn").map(str::to_owned))
        .created(item.time("CreationDate"))
        .with("last_run", item.time("LastExecutionDate"));
    resource.name = item.text("BackupPlanName").map(str::to_owned);
    Some(resource)
}

async fn describe_plan(scope: Scope<'_>, base: &str, mut plan: Resource) -> Found {
    let mut found = Found::default();
    let url = format!("{base}backup/plans/{}/", escape(&plan.id));
    let (mut roles, mut selections) = (Vec::new(), Vec::new());
    let read = |page: Item<'_>| {
        roles.extend(page.texts_of("BackupSelectionsList", "IamRoleArn"));
        selections.extend(page.texts_of("BackupSelectionsList", "SelectionName"));
    };
    let selecting = format!("{url}selections/");
    let selected = rest::pages(scope.client, &selecting, &[PAGE], PAGING, read);
    let described = wait::both(rest::get_json(scope.client, url, &[]), tags(scope, base, &plan));
    let (selected, (described, tags)) = wait::both(selected, described).await;
    told(&mut found, &mut plan, PLAN, &["rules"], &described, |plan, answer| {
        plan.set("rules", answer.list("BackupPlan/Rules").map(rule).collect::<Value>());
        answer.texts_of("BackupPlan/Rules", "TargetBackupVaultName").for_each(|vault| plan.relate("vault", vault));
    });
    found.read(&mut plan, SELECTIONS, &["selections"], selected, |plan, ()| {
        plan.set("selections", selections);
        roles.into_iter().for_each(|role| plan.relate("role", role));
    });
    told(&mut found, &mut plan, TAGS, &["tags"], &tags, |plan, answer| plan.tags.extend(answer.tags("Tags")));
    found.resources.push(plan);
    found
}

fn rule(item: Item<'_>) -> Value {
    json!({
        "name": item.text("RuleName"),
        "schedule": item.text("ScheduleExpression"),
        "vault": item.text("TargetBackupVaultName"),
        "cold_after_days": item.number("Lifecycle/MoveToColdStorageAfterDays"),
        "delete_after_days": item.number("Lifecycle/DeleteAfterDays"),
        "continuous": item.truth("EnableContinuousBackup"),
        "copies_to": item.texts_of("CopyActions", "DestinationBackupVaultArn").collect::<Vec<String>>(),
    })
}

/// Asks for the tags of a vault or plan; neither has more than a page of them.
async fn tags(scope: Scope<'_>, base: &str, resource: &Resource) -> Result<Value, Fault> {
    let arn = resource.arn.as_deref().ok_or_else(|| Fault::unreadable("it has no ARN"))?;
    rest::get_json(scope.client, format!("{base}tags/{}/", escape(arn)), &[]).await
}
