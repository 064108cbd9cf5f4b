//! What could be said next in a session.
//!
//! For each agent in it: what it asked or proposed last comes first. Then comes, of one with a conversation of
//! its own, what it says itself when it is asked, or said with its last answer. Of others, and where that came
//! to nothing, the host finds it: skills whose inputs the context
//! holds; then those that need nothing; then those that what was answered last gives inputs to. A skill
//! that was asked for already is not suggested, for what has been answered is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::task::JoinSet;
use troupe_core::view::{
    Durability, NewMessage, NewTask, OwnSuggestion, OwnSuggestions, Reply, ReplyKind, Suggestion, SuggestionNote,
    Suggestions,
};
use troupe_core::{AgentName, Caller, Code, Error, InstanceId, Result, Scope, SessionId, SkillName, limits};
use troupe_store::{MessageRow, NewMessageRow, SessionRow};

use super::vocabulary::{Meaning, Vocabulary};
use super::{conversing, talk};
use crate::Runtime;
use crate::blocking::blocking;
use crate::route::Route;

/// An agent in a session, and what was said to it.
pub(crate) struct Partner<'a> {
    pub(crate) agent: &'a str,
    pub(crate) to: &'a str,
    pub(crate) vocabulary: &'a Vocabulary,
    /// The skills that were asked for.
    pub(crate) asked: &'a BTreeSet<String>,
    /// The last reply.
    pub(crate) last: Option<&'a Reply>,
    /// What the agent suggests itself.
    pub(crate) own: &'a [OwnSuggestion],
}

/// What comes before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Open,
    Own,
    FromContext,
    NeedsNothing,
    FollowsUp,
}

/// The suggestions for some agents of a session, the best first.
pub(crate) fn suggest(partners: &[Partner<'_>], context: &Map<String, Value>) -> Vec<Suggestion> {
    let mut ranked: Vec<(Rank, Suggestion)> = partners.iter().flat_map(|partner| of(partner, context)).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, suggestion)| suggestion).take(limits::SUGGESTIONS_MAX).collect()
}

fn of(partner: &Partner<'_>, context: &Map<String, Value>) -> Vec<(Rank, Suggestion)> {
    let suggestion = |text: String, skill: Option<&str>, why: String| Suggestion {
        text,
        agent: partner.agent.to_owned(),
        to: partner.to.to_owned(),
        skill: skill.map(str::to_owned),
        confirm: None,
        why,
    };
    let mut all = Vec::new();
    match partner.last {
        Some(reply) if reply.kind == ReplyKind::Asks => {
            let words: Vec<String> = reply.missing.iter().map(|missing| format!("{}=…", missing.name)).collect();
            let why = "it asked for this, and goes on when it is given".to_owned();
            all.push((Rank::Open, suggestion(words.join(" "), reply.skill.as_deref(), why)));
        }
        Some(Reply { kind: ReplyKind::Proposal, proposal: Some(id), skill, .. }) => {
            let why = "it proposed this, and runs it once it is confirmed".to_owned();
            let confirm = suggestion("yes".to_owned(), skill.as_deref(), why);
            all.push((Rank::Open, Suggestion { confirm: Some(id.to_string()), ..confirm }));
        }
        _ => {}
    }
    if !partner.own.is_empty() {
        all.extend(partner.own.iter().map(|own| {
            let why = own.why.clone().unwrap_or_else(|| "the agent suggests it".to_owned());
            (Rank::Own, suggestion(own.text.clone(), None, why))
        }));
        return all;
    }
    let open = partner.last.filter(|_| !all.is_empty()).and_then(|reply| reply.skill.as_deref());
    let known = partner.last.and_then(|reply| reply.output.as_ref()).and_then(Value::as_object);
    let is_new = |skill: &&Meaning| !partner.asked.contains(&skill.name) && open != Some(skill.name.as_str());
    for skill in partner.vocabulary.skills.iter().filter(is_new) {
        let needed: Vec<&str> = needed(skill).collect();
        let named = needed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let has = |object: &Map<String, Value>, name: &str| object.get(name).is_some_and(|value| !value.is_null());
        let (rank, text, why) = if needed.is_empty() {
            (Rank::NeedsNothing, skill.name.clone(), format!("it needs no inputs. {}", skill.summary))
        } else if needed.iter().all(|name| has(context, name)) {
            (Rank::FromContext, skill.name.clone(), format!("the session's context holds {named}. {}", skill.summary))
        } else if let Some(known) = known
            && needed.iter().all(|name| has(known, name) || has(context, name))
        {
            let given = needed.iter().filter_map(|name| Some((name, known.get(*name)?)));
            let words = given.map(|(name, value)| format!(" {name}={}", written(value)));
            let text = std::iter::once(skill.name.clone()).chain(words).collect();
            (Rank::FollowsUp, text, format!("what was answered last gives {named}. {}", skill.summary))
        } else {
            continue;
        };
        all.push((rank, suggestion(text, Some(&skill.name), why.trim_end().to_owned())));
    }
    all
}

fn needed(skill: &Meaning) -> impl Iterator<Item = &str> {
    skill.parameters.iter().filter(|parameter| parameter.required).map(|parameter| parameter.name.as_str())
}

/// A value as the words of a message give it.
fn written(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.contains('"') => format!("\"{text}\""),
        _ => value.to_string(),
    }
}

/// An agent in a session, as it serves now.
struct Known {
    agent: AgentName,
    instance: Option<InstanceId>,
    to: String,
    route: Arc<Route>,
}

impl Known {
    /// By what its line is found.
    fn line(&self) -> String {
        self.instance.map_or_else(|| self.agent.to_string(), |instance| instance.to_string())
    }

    fn note(&self, error: &Error) -> SuggestionNote {
        let (agent, to, code) = (self.agent.to_string(), self.to.clone(), error.code.as_str().to_owned());
        SuggestionNote { agent, to, code, message: format!("the host suggests in its place: {}", error.message) }
    }
}

/// What was said to one agent or instance of a session.
#[derive(Default)]
struct Line {
    asked: BTreeSet<String>,
    last: Option<Reply>,
}

impl Runtime {
    /// What could be said next in a session, the best first. Agents that do not serve now suggest
    /// nothing.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::SessionNotFound`].
    pub async fn suggestions(&self, caller: &Caller, id: SessionId) -> Result<Suggestions> {
        let session = self.seen_session(caller, id).await?;
        let (lines, others) = self.lines(&session).await?;
        let mut known = Vec::new();
        let instances = self.store.session_instances(&caller.tenant, id).await?;
        let instances = instances.into_iter().filter(|row| row.stopped_at.is_none()).map(|row| {
            let to = row.name.as_ref().map_or_else(|| row.id.to_string(), ToString::to_string);
            (row.agent, Some(row.id), to)
        });
        for (agent, instance, to) in
            instances.chain(others.into_iter().map(|agent| (agent.clone(), None, agent.to_string())))
        {
            if let Ok(route) = self.serving(&caller.tenant, agent.as_str()).await {
                known.push(Known { agent, instance, to, route });
            }
        }
        let (own, notes) = self.own_suggestions(caller, &session, &known).await;
        let items = blocking(move || {
            let none = Line::default();
            let partners: Vec<Partner<'_>> = known
                .iter()
                .zip(&own)
                .map(|(known, own)| {
                    let line = lines.get(&known.line()).unwrap_or(&none);
                    let said = line.last.as_ref().map_or(&[][..], |last| last.suggestions.as_slice());
                    Partner {
                        agent: known.agent.as_str(),
                        to: &known.to,
                        vocabulary: known.route.vocabulary(),
                        asked: &line.asked,
                        last: line.last.as_ref(),
                        own: if own.is_empty() { said } else { own.as_slice() },
                    }
                })
                .collect();
            Ok(suggest(&partners, &session.context))
        })
        .await?;
        Ok(Suggestions { items, notes })
    }

    /// What each of some agents suggests itself, and why those do not that could. All are asked at once.
    async fn own_suggestions(
        &self,
        caller: &Caller,
        session: &SessionRow,
        known: &[Known],
    ) -> (Vec<Vec<OwnSuggestion>>, Vec<SuggestionNote>) {
        let mut asked = JoinSet::new();
        for (number, known) in known.iter().enumerate().filter(|(_, known)| known.route.converses()) {
            let (runtime, caller, session) = (self.clone(), caller.clone(), session.clone());
            let (agent, instance) = (known.agent.clone(), known.instance);
            asked.spawn(async move { (number, runtime.own_suggestion(&caller, &session, agent, instance).await) });
        }
        let (mut own, mut notes) = (vec![Vec::new(); known.len()], Vec::new());
        while let Some(answered) = asked.join_next().await {
            let Ok((number, answer)) = answered else { continue };
            match (own.get_mut(number), known.get(number), answer) {
                (Some(place), _, Ok(suggestions)) => *place = suggestions,
                (_, Some(known), Err(error)) => notes.push(known.note(&error)),
                _ => {}
            }
        }
        notes.sort_by(|one, other| (&one.agent, &one.to).cmp(&(&other.agent, &other.to)));
        (own, notes)
    }

    async fn own_suggestion(
        &self,
        caller: &Caller,
        session: &SessionRow,
        agent: AgentName,
        instance: Option<InstanceId>,
    ) -> Result<Vec<OwnSuggestion>> {
        if caller.principal != session.principal {
            return Err(Error::new(Code::AuthScope, "only who speaks in the session has the agent say something"));
        }
        caller.require_for(Scope::Run, &agent)?;
        session.require_open(self.clock.now())?;
        let (principal, message) = (session.principal.clone(), NewMessage::default());
        let new = NewMessageRow { session: session.id, agent, instance, principal, message };
        let about = self.about(session, &new, u64::MAX).await?;
        let call =
            NewTask { durability: Durability::None, ..conversing::call(session, &new, SkillName::SUGGEST, &about)? };
        let task = self.hints(&conversing::speaker(session, &new), call, limits::SUGGEST_TIME_MAX).await?;
        match (task.output, task.failure) {
            (Some(output), _) => {
                let said: OwnSuggestions = serde_json::from_value(output).map_err(Error::internal)?;
                Ok(said.suggestions)
            }
            (None, Some(failure)) => Err(failure.into()),
            (None, None) => Err(Error::internal("a call ended with neither an answer nor a failure")),
        }
    }

    /// What was said to whom in a session, by the id of the instance or the name of the agent; and the
    /// agents that were spoken to without one.
    async fn lines(&self, session: &SessionRow) -> Result<(BTreeMap<String, Line>, BTreeSet<AgentName>)> {
        let (mut lines, mut others): (BTreeMap<String, Line>, _) = (BTreeMap::new(), BTreeSet::new());
        let mut after = 0;
        loop {
            let (page, more) = self.store.messages(&session.tenant, session.id, after, limits::PAGE_MAX).await?;
            for row in page {
                after = row.number;
                let name = row.instance.map_or_else(|| row.agent.to_string(), |instance| instance.to_string());
                if row.instance.is_none() {
                    others.insert(row.agent.clone());
                }
                lines.entry(name).or_default().said(row);
            }
            if !more {
                return Ok((lines, others));
            }
        }
    }
}

impl Line {
    fn said(&mut self, row: MessageRow) {
        let message = talk::view(row);
        let skill = message.reading.and_then(|reading| reading.skill);
        if let Some(reply) = message.reply {
            let ran = reply.kind == ReplyKind::Result;
            self.asked.extend(reply.skill.clone().or(skill).filter(|_| ran));
            self.last = Some(reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_package::Profile;

    use super::*;

    fn vocabulary() -> Vocabulary {
        let skill = |name: &str, needs: &[&str]| {
            let properties: Map<String, Value> =
                needs.iter().map(|need| ((*need).to_owned(), json!({ "type": "string" }))).collect();
            let input = json!({ "type": "object", "required": needs, "properties": properties });
            json!({ "name": name, "description": format!("Does {name}."), "effect": "read", "input": input, "output": {} })
        };
        let skills =
            [skill("any", &[]), skill("near", &["region"]), skill("one", &["id", "region"]), skill("far", &["star"])];
        let profile = json!({ "profile": 1, "summary": "Does", "skills": skills });
        Vocabulary::of(&Profile::parse(&profile.to_string()).unwrap())
    }

    fn texts(last: Option<&Reply>, asked: &[&str], context: &Value) -> Vec<String> {
        let (vocabulary, asked) = (vocabulary(), asked.iter().map(|name| (*name).to_owned()).collect());
        let partner = Partner { agent: "a", to: "a", vocabulary: &vocabulary, asked: &asked, last, own: &[] };
        let suggested = suggest(&[partner], context.as_object().unwrap());
        suggested.into_iter().map(|suggestion| suggestion.text).collect()
    }

    #[test]
    fn what_the_context_gives_comes_first_and_what_was_answered_is_not_asked_again() {
        let context = json!({ "region": "eu" });
        assert_eq!(texts(None, &[], &json!({})), ["any"]);
        assert_eq!(texts(None, &[], &context), ["near", "any"]);
        let output = Some(json!({ "id": "i-1", "region": "us" }));
        let last = Reply { output, ..Reply::new(ReplyKind::Result, "") };
        assert_eq!(texts(Some(&last), &["near"], &context), ["any", "one id=\"i-1\" region=\"us\""]);
    }

    #[test]
    fn what_waits_for_an_answer_comes_before_all() {
        let missing = troupe_core::view::Missing {
            name: "star".into(),
            description: None,
            kind: "string".into(),
            values: Vec::new(),
        };
        let asks = Reply { missing: vec![missing], skill: Some("far".into()), ..Reply::new(ReplyKind::Asks, "") };
        assert_eq!(texts(Some(&asks), &["any"], &json!({})), ["star=…"]);
        let id = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap();
        let skill = Some("any".into());
        let proposal = Reply { proposal: Some(id), skill, ..Reply::new(ReplyKind::Proposal, "") };
        assert_eq!(texts(Some(&proposal), &[], &json!({ "region": "eu" })), ["yes", "near"]);
    }
}
