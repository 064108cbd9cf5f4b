//! Templates of agents: kept, and made into agents.
//!
//! ```text
//!  imported ──▸ kept, each version for good ──▸ with parameters: a manifest ┐
//!                                                                           ├─▸ published as any release
//!  the release whose component it shares ──▸ component and profile ─────────┘
//! ```
//!
//! *The attack:* by a template somebody has an agent run that nobody let in, or that may do what nobody
//! granted. *The rule:* what is made of one is a release like any other: signed as the tenant's policy wants,
//! admitted, compared with what serves, swapped to, and granted what it may do. A template is neither a grant
//! nor a signature. *The default:* there is none.

use serde_json::{Map, Value};
use troupe_core::view::{NewAgent, NewAgentView, Page, PublishQuery, Template, TemplateSummary, TemplateView};
use troupe_core::{
    AgentName, Caller, ChannelName, Code, Error, ReleaseRef, Result, Scope, TemplateName, limits, shown,
};
use troupe_package::{Release, template as package, write_signed_archive};
use troupe_store::{ReleaseRow, TemplateRow, TemplateVersion, template_not_found};

use crate::blocking::blocking;
use crate::{Runtime, agents, health, route, trust};

impl Runtime {
    /// Keeps a version of a template; whether it is new.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TemplateInvalid`], naming the field; [`Code::TemplateImmutable`] if
    /// that version says something else; [`Code::LimitTemplates`].
    pub async fn import_template(&self, caller: &Caller, template: Template) -> Result<(TemplateView, bool)> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let template = blocking(move || checked(&template).map(|()| template)).await?;
        let (row, is_new) = self.store.import_template(&caller.tenant, template, &caller.principal).await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        let (name, version) = (&row.template.name, &row.template.version);
        tracing::info!(%tenant, template = %name, %version, by, is_new, "a template was imported");
        Ok((view(row), is_new))
    }

    /// Lists templates by name, each with its versions, highest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn templates(&self, caller: &Caller, after: &str, limit: Option<u32>) -> Result<Page<TemplateSummary>> {
        caller.require(Scope::Read)?;
        let mut rows = self.store.template_versions(&caller.tenant, None).await?;
        rows.retain(|row| row.name.as_str() > after);
        let rows = rows.chunk_by(|one, next| one.name == next.name).filter_map(summary);
        let limit = limits::page(limit);
        let rows: Vec<_> = rows.take(limit as usize + 1).collect();
        Ok(Page::of(rows, limit, |template| template.name.to_string(), |template| template))
    }

    /// A template: the version that is named, else the highest.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TemplateNotFound`].
    pub async fn template(&self, caller: &Caller, name: &str, version: Option<&str>) -> Result<TemplateView> {
        caller.require(Scope::Read)?;
        self.template_meant(caller, name, version).await.map(view)
    }

    /// Removes a version of a template, and returns what it was. Agents that were made of it stay.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TemplateNotFound`].
    pub async fn remove_template(&self, caller: &Caller, name: &str, version: &str) -> Result<TemplateView> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let there = self.template_meant(caller, name, Some(version)).await?.template;
        let removed = self.store.remove_template(&caller.tenant, &there.name, &there.version, &caller.principal);
        let row = removed.await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, template = name, version, by, "a template was removed");
        Ok(view(row))
    }

    /// Makes an agent of a template: publishes its release, or with `dry_run` only tells which that
    /// would be; whether it is new.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] for both or neither of template and definition;
    /// [`Code::TemplateNotFound`]; [`Code::TemplateInvalid`] and [`Code::ManifestInvalid`], naming what is
    /// wrong; [`Code::ReleaseNotFound`], [`Code::ChannelNotFound`] and [`Code::ReleaseYanked`] for the
    /// release whose component it shares; those of [`Runtime::publish`].
    pub async fn create_agent(
        &self,
        caller: &Caller,
        asked: NewAgent,
        query: &PublishQuery,
        dry_run: bool,
    ) -> Result<(NewAgentView, bool)> {
        caller.require_for(Scope::Operate, &asked.name)?;
        self.may_publish(caller)?;
        let NewAgent { name, version, template, definition, parameters, signatures } = asked;
        let template = match (template, definition) {
            (Some(kept), None) => {
                let (name, version) = kept.split_once('@').map_or((kept.as_str(), None), |(n, v)| (n, Some(v)));
                self.template_meant(caller, name, version).await?.template
            }
            (None, Some(definition)) => blocking(move || checked(&definition).map(|()| definition)).await?,
            _ => {
                let message = "an agent is made of a `template` or of a `definition`, one of both";
                return Err(Error::new(Code::RequestInvalid, message));
            }
        };
        let base = self.component_meant(caller, &template.component).await?;
        if base.standing.yanked.is_some() {
            let message = format!("{} was yanked, and nothing new is made of it; name another release", base.release);
            return Err(Error::new(Code::ReleaseYanked, message));
        }
        let (manifest, profile) = (agents::manifest(&base)?, agents::described(&base)?);
        let version = version.unwrap_or_else(|| template.version.clone());
        let made_of = format!("{}@{}", template.name, template.version);
        let manifest = blocking(move || {
            let values = values(&template, &parameters)?;
            package::manifest(&template, &values, &manifest, name, version)
        });
        let manifest = manifest.await?;
        let signatures = signatures.iter().map(trust::signature).collect::<Result<Vec<_>>>()?;
        let release = Release { manifest, profile, component: self.stored_component(&base).await? };
        let (release, digest, archive) = blocking(move || {
            release.check_offer()?;
            health::check_release(&release)?;
            let digest = release.image()?.digest();
            let mut archive = Vec::new();
            if !dry_run {
                write_signed_archive(&release, &signatures, &mut archive)?;
            }
            Ok((release, digest, archive))
        })
        .await?;
        let mut made = NewAgentView {
            agent: release.manifest.name.to_string(),
            version: release.manifest.version.clone(),
            digest,
            template: made_of,
            component: base.release.to_string(),
            manifest: serde_json::from_slice(&release.manifest.to_json()).map_err(Error::internal)?,
            published: None,
        };
        drop(release);
        if dry_run {
            return Ok((made, false));
        }
        let (published, is_new) = self.publish(caller, archive, query).await?;
        made.published = Some(published);
        Ok((made, is_new))
    }

    /// The template without parameters that a release is again made of.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::AgentNotFound`]; [`Code::ReleaseNotFound`].
    pub async fn export_agent(&self, caller: &Caller, agent: &str, version: Option<&str>) -> Result<Template> {
        caller.require(Scope::Read)?;
        let agent = self.agent_meant(caller, agent).await?;
        let row = match version {
            None => self.component_meant(caller, agent.as_str()).await?,
            Some(version) => {
                let release = self.release_meant(caller, agent.as_str(), version).await?;
                self.release_row(caller, &release).await?
            }
        };
        package::of(&agents::manifest(&row)?, row.release.to_string())
    }

    async fn template_meant(&self, caller: &Caller, name: &str, version: Option<&str>) -> Result<TemplateRow> {
        let unknown = || {
            let version = version.map(|version| format!("@{version}")).unwrap_or_default();
            template_not_found(&shown(&format!("{name}{version}")))
        };
        // What is no name is the name of none.
        let parsed: TemplateName = name.parse().map_err(|_| unknown())?;
        let version = match version {
            Some(version) => version.parse().map_err(|_| unknown())?,
            None => {
                let versions = self.store.template_versions(&caller.tenant, Some(&parsed)).await?;
                versions.into_iter().map(|row| row.version).max().ok_or_else(unknown)?
            }
        };
        self.store.template(&caller.tenant, &parsed, &version).await?.ok_or_else(unknown)
    }

    /// The release whose component a template names, as [`Template::component`] says.
    async fn component_meant(&self, caller: &Caller, component: &str) -> Result<ReleaseRow> {
        let (agent, version) = match Component::parse(component)? {
            Component::Release(release) => (release.agent, release.version),
            Component::Channel(agent, channel) => {
                let row = self.channel_meant(caller, agent.as_str(), &channel, false).await?;
                (agent, row.version)
            }
            Component::Newest(agent) => {
                let releases = self.store.releases(&caller.tenant, &agent).await?;
                let newest = releases.into_iter().next().ok_or_else(|| agents::unknown(agent.as_str()))?;
                (agent, newest.release.version)
            }
        };
        self.release_row(caller, &ReleaseRef { agent, version }).await
    }
}

/// Which release is meant by `aws@1.2.0`, `aws@stable` or `aws`.
enum Component {
    Release(ReleaseRef),
    Channel(AgentName, ChannelName),
    Newest(AgentName),
}

impl Component {
    fn parse(text: &str) -> Result<Self> {
        let parsed = match text.split_once('@') {
            None => text.parse().map(Self::Newest),
            Some((agent, channel)) if channel.starts_with(|c: char| c.is_ascii_lowercase()) => {
                agent.parse().and_then(|agent| Ok(Self::Channel(agent, channel.parse()?)))
            }
            Some(_) => text.parse().map(Self::Release),
        };
        parsed.map_err(|_| {
            let message = format!(
                "`component` is `{}`; a release is written AGENT@VERSION, that of a channel AGENT@CHANNEL, and the \
                 newest AGENT",
                shown(text)
            );
            Error::new(Code::TemplateInvalid, message)
        })
    }
}

/// Checks a template as far as it is known without parameters.
fn checked(template: &Template) -> Result<()> {
    package::check(template)?;
    Component::parse(&template.component)?;
    schema(template).map(drop)
}

/// The schema of a template's parameters, ready to check by.
fn schema(template: &Template) -> Result<jsonschema::Validator> {
    route::compiled(&Value::Object(template.parameters.clone()))
        .map_err(|error| Error::new(Code::TemplateInvalid, format!("`parameters` is {error}")))
}

/// What is put into a template, checked.
fn values(template: &Template, given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let values = package::values(template, given)?;
    let document = Value::Object(values);
    route::check(&schema(template)?, &document, Code::TemplateInvalid, "what the parameters are")?;
    match document {
        Value::Object(values) => Ok(values),
        _ => Err(Error::internal("an object is none")),
    }
}

/// The versions of one template, of which there is one at least.
fn summary(versions: &[TemplateVersion]) -> Option<TemplateSummary> {
    let highest = versions.iter().max_by(|one, other| one.version.cmp(&other.version))?;
    let mut all: Vec<semver::Version> = versions.iter().map(|row| row.version.clone()).collect();
    all.sort_unstable_by(|one, other| other.cmp(one));
    Some(TemplateSummary {
        name: highest.name.clone(),
        summary: highest.summary.clone(),
        component: highest.component.clone(),
        versions: all,
        principal: highest.principal.clone(),
        imported_at: highest.imported_at,
    })
}

fn view(row: TemplateRow) -> TemplateView {
    TemplateView { template: row.template, principal: row.principal, imported_at: row.imported_at }
}
