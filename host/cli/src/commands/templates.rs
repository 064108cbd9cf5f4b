//! `troupe templates`, and agents that are made of them.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value};
use troupe_core::view::{NewAgent, NewAgentView, Page, Template, TemplateSummary, TemplateView};
use troupe_core::{Code, Error, ReleaseRef, Result, limits, yaml};

use crate::args::{Args, CreateAgent, Templates, TemplatesVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::{output, signing};

const PATH: &str = "/api/v1/templates";
const AGENTS: &str = "/api/v1/agents";

pub(crate) async fn run(args: &Args, command: &Templates) -> Result<ExitCode> {
    let client = Client::new(args)?;
    match command.verb.as_ref().unwrap_or(&TemplatesVerb::List) {
        TemplatesVerb::List => {
            let page = Page { items: client.all(PATH, &[]).await?, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
        }
        TemplatesVerb::Show { template } => {
            let kept: TemplateView = client.query(&of(template), &version(template)).await?;
            output::answer(args.json, &kept, show)?;
        }
        TemplatesVerb::Import { file } => {
            let kept: TemplateView = client.post(PATH, &read(file)?).await?;
            output::answer(args.json, &kept, |kept| {
                let Template { name, version, .. } = &kept.template;
                format!(
                    "imported {name}@{version}\nrun `troupe agents create NAME --template {name}` to make an agent of it"
                )
            })?;
        }
        TemplatesVerb::Export { template } => {
            print(args, &client.query(&format!("{}/export", of(template)), &version(template)).await?)?;
        }
        TemplatesVerb::Remove { template } => {
            let Some((_, version)) = template.split_once('@') else {
                let message = format!("a version is removed; write `{template}@VERSION`");
                return Err(Error::new(Code::RequestInvalid, message));
            };
            let path = format!("{}/versions/{}", of(template), segment(version));
            let removed: TemplateView = client.delete(&path).await?;
            output::answer(args.json, &removed, |removed| {
                format!("{}@{} is removed", removed.template.name, removed.template.version)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the template that an agent is again made of.
pub(super) async fn export_agent(args: &Args, agent: &str) -> Result<ExitCode> {
    let path = format!("{AGENTS}/{}/export", segment(name(agent)));
    print(args, &Client::new(args)?.query(&path, &version(agent)).await?)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes an agent of a template. Which release that is, is asked for first, so that it can be signed.
pub(super) async fn create(args: &Args, command: &CreateAgent) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let definition = command.file.as_deref().map(read).transpose()?;
    let template: Option<TemplateView> = match &command.template {
        Some(template) if !command.parameters.is_empty() => {
            Some(client.query(&of(template), &version(template)).await?)
        }
        _ => None,
    };
    let declared = template.as_ref().map(|kept| &kept.template).or(definition.as_ref());
    let declared = declared.and_then(|template| template.parameters.get("properties"));
    let parameters = parameters(&command.parameters, declared)?;
    let mut asked = NewAgent {
        name: command.name.parse()?,
        version: command.version.clone(),
        // The version that was looked at is the one that is meant.
        template: template
            .map(|kept| format!("{}@{}", kept.template.name, kept.template.version))
            .or_else(|| command.template.clone()),
        parameters,
        definition,
        signatures: Vec::new(),
    };
    let key = if command.no_sign { None } else { signing::key_or_own(command.key.as_deref(), &args.data_dir)? };
    if command.dry_run || key.is_some() {
        let tried: NewAgentView = client.post(&format!("{AGENTS}?dry_run=true"), &asked).await?;
        if command.dry_run {
            output::answer(args.json, &tried, |tried| made(tried, "would be"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let release = ReleaseRef { agent: asked.name.clone(), version: tried.version };
        let signature = key.map(|key| key.sign(&release, &tried.digest)).transpose()?;
        asked.signatures.extend(signature.as_ref().map(signing::sent));
    }
    let path = format!("{AGENTS}?allow_similar={}", command.allow_similar);
    let created: NewAgentView = client.post(&path, &asked).await?;
    output::answer(args.json, &created, |created| {
        let next = created.published.as_ref().map(super::publish::text).unwrap_or_default();
        format!("{}{next}", made(created, "is"))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What is put in for the parameters: each as the kind of value that the template says it is.
fn parameters(given: &[(String, String)], declared: Option<&Value>) -> Result<Map<String, Value>> {
    let mut parameters = Map::new();
    for (name, value) in given {
        let kind = declared.and_then(|declared| declared.get(name)?.get("type")?.as_str());
        let value = match kind {
            None | Some("string") => Value::from(value.as_str()),
            Some(kind) => serde_json::from_str(value).map_err(|_| {
                let message =
                    format!("`--set {name}={value}`: the template wants a value of type {kind}, written as JSON");
                Error::new(Code::RequestInvalid, message)
            })?,
        };
        if parameters.insert(name.clone(), value).is_some() {
            return Err(Error::new(Code::RequestInvalid, format!("`--set {name}=…` stands twice")));
        }
    }
    Ok(parameters)
}

/// Reads a template out of a file.
fn read(path: &Path) -> Result<Template> {
    let mut text = Vec::new();
    let most = limits::YAML_BYTES_MAX as u64 + 1;
    let read = if path == Path::new("-") {
        std::io::stdin().take(most).read_to_end(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut text))
    };
    read.map_err(|error| {
        let message = format!("`{}` cannot be read ({})", path.display(), error.kind());
        Error::new(Code::RequestInvalid, message).with_cause(error)
    })?;
    let document = yaml::read(&text).map_err(|error| error.context(path.display()))?;
    serde_json::from_value(document).map_err(|error| {
        let message = format!("`{}` is not a template: {error}", path.display());
        Error::new(Code::TemplateInvalid, message)
    })
}

/// Prints a template as somebody edits it.
fn print(args: &Args, template: &Template) -> Result<()> {
    let text = yaml::write(&serde_json::to_value(template).map_err(Error::internal)?)?;
    output::answer(args.json, template, |_| text)
}

fn name(text: &str) -> &str {
    text.split_once('@').map_or(text, |(name, _)| name)
}

/// The path of a template, written with its version or without.
fn of(template: &str) -> String {
    format!("{PATH}/{}", segment(name(template)))
}

fn version(text: &str) -> Vec<(&'static str, String)> {
    text.split_once('@').map(|(_, version)| ("version", version.to_owned())).into_iter().collect()
}

fn list(templates: &[TemplateSummary]) -> String {
    if templates.is_empty() {
        return "no templates yet; `troupe templates import FILE` imports one".to_owned();
    }
    let row = |template: &TemplateSummary| {
        let versions: Vec<String> = template.versions.iter().map(ToString::to_string).collect();
        vec![template.name.to_string(), versions.join(" "), template.component.clone(), template.summary.clone()]
    };
    table(&["template", "versions", "component", "summary"], &templates.iter().map(row).collect::<Vec<_>>())
}

fn show(kept: &TemplateView) -> String {
    let Template { name, version, summary, component, parameters, .. } = &kept.template;
    let mut out = format!(
        "template  {name}@{version}\nsummary   {summary}\ncomponent {component}\nimported  {} by {}\n",
        kept.imported_at, kept.principal
    );
    let text = |value: Option<&Value>| match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let required = parameters.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let declared = parameters.get("properties").and_then(Value::as_object);
    let row = |(name, schema): (&String, &Value)| {
        let needed =
            if required.iter().any(|one| one == name) { "needed".to_owned() } else { text(schema.get("default")) };
        vec![name.clone(), text(schema.get("type")), needed, text(schema.get("description"))]
    };
    let rows: Vec<_> = declared.into_iter().flatten().map(row).collect();
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&table(&["parameter", "type", "default", "description"], &rows));
    }
    out
}

fn made(agent: &NewAgentView, is: &str) -> String {
    format!("{}@{} {is} made of {} over {}\n", agent.agent, agent.version, agent.template, agent.component)
}
