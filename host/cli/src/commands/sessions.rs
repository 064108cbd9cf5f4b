//! `troupe sessions`, `troupe ask` and `troupe suggest`: conversations with agents.

use std::process::ExitCode;

use serde_json::{Map, Value};
use troupe_core::view::{
    ContextPatch, InstanceView, MatchedWord, MessageState, MessageView, MetIn, NewInstance, NewMessage, NewSession,
    Page, Reading, Reply, ReplyKind, SessionExport, SessionView, Suggestions, TakenFrom,
};
use troupe_core::{Code, Error, Result};

use super::run::input;
use crate::args::{Args, Ask, ListedSessions, Sessions, SessionsVerb, StartSession, Suggest};
use crate::client::{Client, segment};
use crate::human::{document, table};
use crate::output;
use crate::time::seconds;

const PATH: &str = "/api/v1/sessions";

pub(crate) async fn run(args: &Args, command: &Sessions) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let session: SessionView = match &command.verb {
        None => return listed(args, &client, &ListedSessions::default()).await,
        Some(SessionsVerb::List(which)) => return listed(args, &client, which).await,
        Some(SessionsVerb::Start(start)) => started(&client, start).await?,
        Some(SessionsVerb::Get { session }) => client.get(&of(session, "")).await?,
        Some(SessionsVerb::Context { session, patch }) => {
            let patch = ContextPatch { context: object("the change", patch)?, revision: None };
            client.patch(&of(session, "/context"), &patch).await?
        }
        Some(SessionsVerb::End { session }) => client.post(&of(session, "/end"), &()).await?,
        Some(SessionsVerb::Spawn { session, agent, name }) => {
            let instance = joined(&client, session, agent, name.as_deref()).await?;
            output::answer(args.json, &instance, super::instances::show)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(SessionsVerb::Export { session }) => {
            let export: SessionExport = client.get(&of(session, "/export")).await?;
            output::answer(true, &export, |_| String::new())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let path = of(&session.id.to_string(), "/instances");
    let instances: Vec<InstanceView> = if args.json { Vec::new() } else { client.get::<Page<_>>(&path).await?.items };
    output::answer(args.json, &session, |session| show(session, &instances))?;
    Ok(ExitCode::SUCCESS)
}

/// Says something in a session, and shows the reply.
pub(crate) async fn ask(args: &Args, command: &Ask) -> Result<ExitCode> {
    let message = NewMessage {
        text: command.words.join(" "),
        to: command.to.clone(),
        input: command.input.as_deref().map(|input| object("the input", input)).transpose()?,
        confirm: command.confirm.clone(),
        idempotency_key: command.idempotency_key.clone(),
    };
    let client = Client::new(args)?;
    let path = format!("{}?wait={}", of(&command.session, "/messages"), command.wait);
    let message: MessageView = client.post(&path, &message).await?;
    if args.json {
        output::answer(true, &message, |_| String::new())?;
    } else {
        if let Some(reading) = message.reading.as_ref().filter(|_| command.explain) {
            output::note(explained(reading).trim_end());
        }
        told(&message)?;
    }
    let failed = message.reply.as_ref().is_some_and(|reply| reply.kind == ReplyKind::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Shows what could be said next.
pub(crate) async fn suggest(args: &Args, command: &Suggest) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let suggestions: Suggestions = client.get(&of(&command.session, "/suggestions")).await?;
    for note in suggestions.notes.iter().filter(|_| !args.json) {
        output::note(&format!("{} suggests nothing itself; {} ({})", note.to, note.message, note.code));
    }
    output::answer(args.json, &suggestions, |suggestions| {
        if suggestions.items.is_empty() {
            return "nothing to suggest; `troupe sessions spawn SESSION AGENT` has an agent join".to_owned();
        }
        let rows: Vec<_> =
            suggestions.items.iter().map(|item| vec![item.text.clone(), item.to.clone(), item.why.clone()]).collect();
        table(&["say", "to", "why"], &rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn of(session: &str, rest: &str) -> String {
    format!("{PATH}/{}{rest}", segment(session))
}

fn object(what: &str, argument: &str) -> Result<Map<String, Value>> {
    match input(argument)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(Code::InputInvalid, format!("{what} is not a JSON object, such as {{\"region\":\"eu\"}}"))),
    }
}

async fn started(client: &Client, start: &StartSession) -> Result<SessionView> {
    let milliseconds = |option: &str, text: &Option<String>| {
        text.as_ref().map(|text| seconds(option, text).map(|seconds| seconds.saturating_mul(1000))).transpose()
    };
    let new = NewSession {
        user: object("`--user`", &start.user)?,
        context: object("`--context`", &start.context)?,
        idle_ms: milliseconds("--idle", &start.idle)?,
        lifetime_ms: milliseconds("--lifetime", &start.lifetime)?,
    };
    let session: SessionView = client.post(PATH, &new).await?;
    for agent in &start.with {
        joined(client, &session.id.to_string(), agent, None).await?;
    }
    Ok(session)
}

async fn joined(client: &Client, session: &str, agent: &str, name: Option<&str>) -> Result<InstanceView> {
    let name = name.map(str::parse).transpose()?;
    client.post(&of(session, "/instances"), &NewInstance { agent: agent.to_owned(), name }).await
}

async fn listed(args: &Args, client: &Client, which: &ListedSessions) -> Result<ExitCode> {
    let mut query = vec![("limit", which.limit.to_string())];
    query.extend(which.status.clone().map(|status| ("status", status)));
    query.extend(which.all.then(|| ("all", "true".to_owned())));
    let page: Page<SessionView> = client.query(PATH, &query).await?;
    output::answer(args.json, &page, |page| list(&page.items))?;
    Ok(ExitCode::SUCCESS)
}

fn list(sessions: &[SessionView]) -> String {
    if sessions.is_empty() {
        return "no sessions; `troupe sessions start --with AGENT` starts one".to_owned();
    }
    let row = |session: &SessionView| {
        vec![
            session.id.to_string(),
            session.status.as_str().to_owned(),
            session.principal.clone(),
            session.messages.to_string(),
            session.used_at.to_string(),
            session.expires_at.to_string(),
        ]
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    table(&["session", "status", "of", "messages", "used", "expires"], &rows)
}

fn show(session: &SessionView, instances: &[InstanceView]) -> String {
    let mut out = format!(
        "session   {}\nstatus    {}\nof        {}\nmessages  {}\nstarted   {}\nused      {}\nexpires   {}\n",
        session.id,
        session.status.as_str(),
        session.principal,
        session.messages,
        session.created_at,
        session.used_at,
        session.expires_at,
    );
    if let Some(ended_at) = session.ended_at {
        let by = session.ended_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        out.push_str(&format!("ended     {ended_at}{by}\n"));
    }
    for (name, object) in [("user", &session.user), ("context", &session.context)] {
        if !object.is_empty() {
            out.push_str(&format!("{name:9} {}\n", Value::Object(object.clone())));
        }
    }
    for instance in instances {
        let name = instance.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        out.push_str(&format!("with      {}{name} {} {}\n", instance.agent, instance.id, instance.status.as_str()));
    }
    out
}

/// Prints the reply of a message.
fn told(message: &MessageView) -> Result<()> {
    let Some(reply) = &message.reply else {
        let MessageView { session, number, state, .. } = message;
        let why = if *state == MessageState::Waiting { "waits for its turn" } else { "is not answered yet" };
        output::note(&format!("message {number} {why}; see `troupe sessions export {session}`"));
        return Ok(());
    };
    if let (ReplyKind::Failed, Some(failure)) = (reply.kind, reply.failure.clone()) {
        output::fail(false, &failure.into());
        return Ok(());
    }
    output::line(&text_of(message, reply));
    Ok(())
}

fn text_of(message: &MessageView, reply: &Reply) -> String {
    match reply.kind {
        ReplyKind::Result => match (&reply.output, reply.output_bytes, message.task) {
            (None, Some(bytes), Some(task)) => format!("an answer of {bytes} bytes; `troupe tasks {task}` shows it"),
            (output, ..) => output.as_ref().map(document).unwrap_or_default(),
        },
        ReplyKind::Answer => {
            let mut out = format!("{}\n", reply.text);
            for suggestion in &reply.suggestions {
                let why = suggestion.why.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
                out.push_str(&format!("  try: {}{why}\n", suggestion.text));
            }
            out
        }
        ReplyKind::Asks => {
            let mut out = format!("{}:\n", reply.text);
            for missing in &reply.missing {
                let values: Vec<String> = missing.values.iter().map(Value::to_string).collect();
                let values = if values.is_empty() { String::new() } else { format!(", one of {}", values.join(", ")) };
                let what = missing.description.as_ref().map(|what| format!("  {what}")).unwrap_or_default();
                out.push_str(&format!("  {} ({}{values}){what}\n", missing.name, missing.kind));
            }
            out
        }
        ReplyKind::Proposal => {
            let input = Value::Object(reply.input.clone().unwrap_or_default());
            let id = reply.proposal.map(|id| id.to_string()).unwrap_or_default();
            let skill = reply.skill.clone().unwrap_or_default();
            format!("{}:\n  {skill} {input}\n`troupe ask {} --confirm {id}` runs it", reply.text, message.session)
        }
        ReplyKind::Candidates | ReplyKind::Abilities => {
            let row = |one: &troupe_core::view::SkillCandidate| {
                vec![one.skill.clone(), one.effect.to_string(), one.summary.clone()]
            };
            let rows: Vec<_> = reply.candidates.iter().map(row).collect();
            format!("{}:\n{}", reply.text, table(&["skill", "effect", "summary"], &rows))
        }
        ReplyKind::Failed => reply.text.clone(),
    }
}

/// How words were read, in lines.
fn explained(reading: &Reading) -> String {
    let place = |met_in: MetIn| match met_in {
        MetIn::Name => "its name",
        MetIn::Description => "its description",
        MetIn::Parameter => "a parameter",
        MetIn::ParameterDescription => "the description of a parameter",
        MetIn::Goal => "a goal of the agent",
    };
    let from = |from: TakenFrom| match from {
        TakenFrom::Input => "--input",
        TakenFrom::Words => "the words",
        TakenFrom::Before => "what was said before",
        TakenFrom::Context => "the session's context",
    };
    let mut out = match &reading.skill {
        Some(skill) => format!("read as `{skill}`, score {}\n", reading.score),
        None => "read as no one skill\n".to_owned(),
    };
    for MatchedWord { word, met, met_in, points } in &reading.words {
        out.push_str(&format!("  `{word}` meets `{met}` in {}: {points}\n", place(*met_in)));
    }
    for value in &reading.values {
        out.push_str(&format!("  {} is from {}\n", value.name, from(value.from)));
    }
    if let Some(other) = &reading.runner_up {
        out.push_str(&format!("  next comes `{}`, score {}\n", other.skill, other.score));
    }
    out
}
