//! Templates of agents, each version of which is kept as it was imported.

use serde_json::json;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::view::Template;
use troupe_core::{Code, Error, Result, TemplateName, TenantId, Timestamp, limits};

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, json, room_for};
use crate::sql::{Connection, Row, query, query_scalar};
use crate::writer::Tx;

/// A template as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateRow {
    /// What it says.
    pub template: Template,
    /// Who imported it.
    pub principal: String,
    /// When.
    pub imported_at: Timestamp,
}

/// A version of a template, without what it says.
#[derive(Debug, Clone)]
pub struct TemplateVersion {
    /// Its name.
    pub name: TemplateName,
    /// The version.
    pub version: semver::Version,
    /// What its agents do.
    pub summary: String,
    /// The release whose component its agents share.
    pub component: String,
    /// Who imported it.
    pub principal: String,
    /// When.
    pub imported_at: Timestamp,
}

impl Store {
    /// Keeps a version of a template, as `by` asked; whether it is new. Tells the feed
    /// `template.imported`, and the audit.
    ///
    /// # Errors
    /// [`Code::TemplateImmutable`] if that version says something else; [`Code::LimitTemplates`] when
    /// the tenant has as many as it may have.
    pub async fn import_template(
        &self,
        tenant: &TenantId,
        template: Template,
        by: &str,
    ) -> Result<(TemplateRow, bool)> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.write(move |tx| Box::pin(import(tx, tenant, template, by))).await
    }

    /// Removes a version of a template, as `by` asked, and returns what it was. Tells the feed
    /// `template.removed`, and the audit.
    ///
    /// # Errors
    /// [`Code::TemplateNotFound`].
    pub async fn remove_template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: &semver::Version,
        by: &str,
    ) -> Result<TemplateRow> {
        let (tenant, name, version, by) = (tenant.clone(), name.clone(), version.clone(), by.to_owned());
        self.write(move |tx| Box::pin(remove(tx, tenant, name, version, by))).await
    }

    /// Reads one version of a template.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: &semver::Version,
    ) -> Result<Option<TemplateRow>> {
        Ok(find(&mut self.reader().await?, tenant, name, version).await?)
    }

    /// The versions of the tenant's templates, or of the one that is named, by name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn template_versions(
        &self,
        tenant: &TenantId,
        name: Option<&TemplateName>,
    ) -> Result<Vec<TemplateVersion>> {
        let rows = query(
            "select name, version, summary, component, principal, imported_at from templates
             where tenant = $1 and ($2 = '' or name = $2) order by name, version",
        )
        .bind(tenant.as_str())
        .bind(name.map_or("", TemplateName::as_str))
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(read_version).collect::<Done<_>>()?)
    }
}

/// The error for a template that the tenant does not have.
pub fn not_found(name: &str) -> Error {
    let message = format!("there is no template `{name}`; `troupe templates` lists those there are");
    Error::new(Code::TemplateNotFound, message)
}

async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    name: &TemplateName,
    version: &semver::Version,
) -> Done<Option<TemplateRow>> {
    let row = query("select * from templates where tenant = $1 and name = $2 and version = $3")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

async fn import(tx: &mut Tx, tenant: TenantId, template: Template, by: String) -> Done<(TemplateRow, bool)> {
    if let Some(there) = find(&mut tx.connection, &tenant, &template.name, &template.version).await? {
        if there.template == template {
            return Ok((there, false));
        }
        let message = format!(
            "the template {}@{} is there with another content; a version never changes, so raise it",
            template.name, template.version
        );
        return Err(Error::new(Code::TemplateImmutable, message).into());
    }
    let there: i64 = query_scalar("select count(*) from templates where tenant = $1")
        .bind(tenant.as_str())
        .fetch_one(&mut tx.connection)
        .await?;
    room_for("templates", there, limits::TEMPLATES_MAX, Code::LimitTemplates)?;
    query(
        "insert into templates (tenant, name, version, summary, component, document, principal, imported_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.as_str())
    .bind(template.name.as_str())
    .bind(template.version.to_string())
    .bind(&template.summary)
    .bind(&template.component)
    .bind(json(&template)?)
    .bind(&by)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    let row = TemplateRow { template, principal: by, imported_at: tx.now };
    tell(tx, &tenant, &row.template, &row.principal, false).await?;
    Ok((row, true))
}

async fn remove(
    tx: &mut Tx,
    tenant: TenantId,
    name: TemplateName,
    version: semver::Version,
    by: String,
) -> Done<TemplateRow> {
    let Some(row) = find(&mut tx.connection, &tenant, &name, &version).await? else {
        return Err(not_found(&format!("{name}@{version}")).into());
    };
    query("delete from templates where tenant = $1 and name = $2 and version = $3")
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(version.to_string())
        .execute(&mut tx.connection)
        .await?;
    tell(tx, &tenant, &row.template, &by, true).await?;
    Ok(row)
}

async fn tell(tx: &mut Tx, tenant: &TenantId, template: &Template, by: &str, removed: bool) -> Done<()> {
    let (kind, name) = (if removed { "template.removed" } else { "template.imported" }, &template.name);
    let version = template.version.to_string();
    tx.announce(tenant, kind, &format!("template/{name}"), &json!({ "version": version }));
    let entry = AuditEntry::new(AuditKind::Template).by(Some(by)).with("template", name.as_str());
    let entry = entry.with("template_version", version).with("component", template.component.clone());
    tx.audit(tenant, entry.with("removed", removed)).await
}

fn read(row: &Row) -> Done<TemplateRow> {
    let document: &str = row.get_as("document")?;
    Ok(TemplateRow {
        template: serde_json::from_str(document).map_err(|error| broken("document", error))?,
        principal: row.get_as("principal")?,
        imported_at: row.at("imported_at")?,
    })
}

fn read_version(row: &Row) -> Done<TemplateVersion> {
    Ok(TemplateVersion {
        name: row.parsed("name")?,
        version: row.parsed("version")?,
        summary: row.get_as("summary")?,
        component: row.get_as("component")?,
        principal: row.get_as("principal")?,
        imported_at: row.at("imported_at")?,
    })
}
