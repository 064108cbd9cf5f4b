//! What the gate would say to a call that nobody makes.
//!
//! The attack on an operator: an explanation that is computed in another place than the
//! decision, and is believed. The rule: a question becomes the very call that a guest would
//! make, and the functions that judge calls judge it; there is no second opinion here. The
//! default: a question that is no call the gate knows is refused, not guessed at.
//!
//! | question | call |
//! |---|---|
//! | `state get KEY`, `set`, `delete`, `compare-and-set`, `increment`, `expire`, `list PREFIX` | of state; the key may be left out |
//! | `instance-state get KEY` and the like | of the state of an instance |
//! | `files read DIRECTORY/PATH`, `write`, `stat`, `list`, `delete` | of files; the path may be left out |
//! | `secrets reference NAME` | of secrets |
//! | `locks acquire NAME`, `preempt NAME` | of locks |
//! | `agents ask AGENT/SKILL` | of agents; its class is that of the skill, which the grants do not tell |
//! | `approvals ask` | of approvals |
//! | `events publish TOPIC` | of events |
//! | `artifacts create NAME` | of artefacts |
//! | `http METHOD URL` | a request, with the headers, body and credential that come with it |

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use troupe_core::grant::GrantKey;
use troupe_core::view::ExplainRequest;
use troupe_core::{Code, Effect, Error, Grants, KeySpace, Result, limits};

use super::Answer;
use super::agents::{self, AgentsCall};
use super::approvals::{self, ApprovalsCall};
use super::artifacts::{self, ArtifactsCall};
use super::events::{self, EventsCall};
use super::files::{self, Content, FilesCall};
use super::http::{self as http_gate, HttpAsk};
use super::locks::{self, LocksCall};
use super::secrets::{self, SecretsCall};
use super::state::{self, StateCall};

/// The key where a question names none.
const SOME_KEY: &str = "key";

/// The media type of an artefact in a question, which names none.
const SOME_MEDIA_TYPE: &str = "application/json";

/// How a lock is asked for that somebody else may hold; as short as a lease can be.
const PREEMPT: &str = r#"{"policy":"preempt","lease_ms":1000}"#;

/// A call that nobody makes.
#[derive(Debug, Clone)]
pub struct Question(Asked);

#[derive(Debug, Clone)]
enum Asked {
    State(KeySpace, StateCall),
    Files(FilesCall),
    Secrets(SecretsCall),
    Locks(LocksCall),
    Agents(AgentsCall),
    Approvals(ApprovalsCall),
    Events(EventsCall),
    Artifacts(ArtifactsCall),
    Http { method: Method, uri: Uri, headers: HeaderMap, body: Bytes, credential: Option<String> },
}

/// What allows a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// The lines that allow it, each by itself.
    pub lines: Vec<GrantKey>,
    /// How far the call reaches.
    pub effect: Effect,
    /// The credential that the host would add.
    pub credential: Option<String>,
    /// The AWS action that the request is.
    pub action: Option<String>,
}

impl Question {
    /// Reads a question.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] telling what can be asked.
    pub fn read(request: &ExplainRequest) -> Result<Self> {
        let words: Vec<&str> = request.question.split_whitespace().collect();
        let asked = match words.as_slice() {
            ["state", verb, key @ ..] => state_call(KeySpace::Deployment, verb, key),
            ["instance-state", verb, key @ ..] => state_call(KeySpace::Instance, verb, key),
            ["files", verb, place] => files_call(verb, place).map(Asked::Files),
            ["secrets", "reference", name] => Some(Asked::Secrets(SecretsCall::Reference { name: (*name).to_owned() })),
            ["locks", verb @ ("acquire" | "preempt"), name] => Some(Asked::Locks(LocksCall::Acquire {
                name: (*name).to_owned(),
                options: (if *verb == "preempt" { PREEMPT } else { "{}" }).to_owned(),
            })),
            ["agents", "ask", asked] => asked.split_once('/').map(|(agent, skill)| {
                let (input, options) = ("{}".to_owned(), "{}".to_owned());
                Asked::Agents(AgentsCall::Ask { agent: agent.to_owned(), skill: skill.to_owned(), input, options })
            }),
            ["approvals", "ask"] => Some(Asked::Approvals(ApprovalsCall::Ask {
                summary: "an action".to_owned(),
                action: "{}".to_owned(),
                options: "{}".to_owned(),
            })),
            ["events", "publish", topic] => Some(Asked::Events(EventsCall::Publish {
                topic: (*topic).to_owned(),
                data: "null".to_owned(),
                options: "{}".to_owned(),
            })),
            ["artifacts", "create", name] => Some(Asked::Artifacts(ArtifactsCall::Create {
                name: (*name).to_owned(),
                media_type: SOME_MEDIA_TYPE.to_owned(),
            })),
            ["http", method, url] => Some(http_request(method, url, request)?),
            _ => None,
        };
        let asked = asked.ok_or_else(|| {
            let message = format!(
                "`{}` is no question; ask one such as `http GET https://example.com/` or `state set`",
                http_gate::shown(&request.question)
            );
            Error::new(Code::RequestInvalid, message)
        })?;
        let has_parts = !request.headers.is_empty() || request.body.is_some() || request.credential.is_some();
        if has_parts && !matches!(asked, Asked::Http { .. }) {
            return Err(Error::new(
                Code::RequestInvalid,
                "headers, body and credential belong to a question of `http`",
            ));
        }
        Ok(Self(asked))
    }

    /// The call, as the journal would name it.
    pub fn describe(&self) -> String {
        match &self.0 {
            Asked::State(space, call) => call.describe(*space),
            Asked::Files(call) => call.describe(),
            Asked::Secrets(call) => call.describe(),
            Asked::Locks(call) => call.describe(),
            Asked::Agents(call) => call.describe(),
            Asked::Approvals(call) => call.describe(),
            Asked::Events(call) => call.describe(),
            Asked::Artifacts(call) => call.describe(),
            Asked::Http { method, uri, .. } => format!("http {method} {uri}"),
        }
    }

    /// The same call, naming the credential that it goes with.
    #[must_use]
    pub fn with_credential(mut self, name: Option<&str>) -> Self {
        if let Asked::Http { credential, .. } = &mut self.0 {
            *credential = Some(name.unwrap_or(http_gate::NO_CREDENTIAL).to_owned());
        }
        self
    }

    /// Judges the call as the gate judges calls, by what authorises them.
    ///
    /// # Errors
    /// What a guest would be told.
    pub fn judge(&self, grants: &Grants, ceiling: Effect) -> Result<Grounds> {
        match &self.0 {
            Asked::State(space, call) => {
                state::authorize(grants, ceiling, *space, call).map_err(|answer| refused(&answer))?;
                let effect = call.effect();
                Ok(Grounds { lines: vec![GrantKey::State], effect, credential: None, action: None })
            }
            Asked::Files(call) => {
                files::authorize(grants, ceiling, call).map_err(|answer| refused(&answer))?;
                let lines = vec![GrantKey::Files(call.place().0.to_owned())];
                Ok(Grounds { lines, effect: call.effect(), credential: None, action: None })
            }
            Asked::Secrets(call) => {
                secrets::authorize(grants, call).map_err(|answer| refused(&answer))?;
                let SecretsCall::Reference { name } = call;
                let lines = vec![GrantKey::Secrets(name.clone())];
                // A reference by itself reaches nothing; the request that carries it is judged too.
                Ok(Grounds { lines, effect: Effect::Read, credential: None, action: None })
            }
            Asked::Locks(call) => {
                locks::authorize(grants, ceiling, call).map_err(|answer| refused(&answer))?;
                let alone = |key: &GrantKey| locks::authorize(&grants.only(key), ceiling, call).is_ok();
                let lines = grants.keys().into_iter().filter(alone).collect();
                Ok(Grounds { lines, effect: Effect::Write, credential: None, action: None })
            }
            Asked::Agents(call) => {
                agents::authorize(grants, ceiling, call).map_err(|answer| refused(&answer))?;
                let alone = |key: &GrantKey| agents::authorize(&grants.only(key), ceiling, call).is_ok();
                let lines = grants.keys().into_iter().filter(alone).collect();
                Ok(Grounds { lines, effect: Effect::Read, credential: None, action: None })
            }
            Asked::Approvals(call) => {
                approvals::authorize(grants, ceiling, call).map_err(|answer| refused(&answer))?;
                let lines = vec![GrantKey::Approvals];
                Ok(Grounds { lines, effect: Effect::Read, credential: None, action: None })
            }
            Asked::Events(call) => {
                events::authorize(grants, ceiling, call).map_err(|answer| refused(&answer))?;
                let alone = |key: &GrantKey| events::authorize(&grants.only(key), ceiling, call).is_ok();
                let lines = grants.keys().into_iter().filter(alone).collect();
                Ok(Grounds { lines, effect: Effect::Write, credential: None, action: None })
            }
            Asked::Artifacts(call) => {
                artifacts::authorize(grants, call, &artifacts::Left::default()).map_err(|answer| refused(&answer))?;
                let lines = vec![GrantKey::Artifacts];
                Ok(Grounds { lines, effect: Effect::Read, credential: None, action: None })
            }
            Asked::Http { method, uri, headers, body, credential } => {
                let ask = HttpAsk { method, uri, headers, body, credential: credential.as_deref() };
                let (permit, granting) = http_gate::decide(grants, ceiling, &ask)?;
                let mut lines: Vec<GrantKey> = granting.iter().map(|grant| GrantKey::Http(grant.id.clone())).collect();
                lines.sort();
                lines.dedup();
                Ok(Grounds {
                    lines,
                    effect: permit.effect(),
                    credential: permit.credential().map(str::to_owned),
                    action: permit.action().map(ToString::to_string),
                })
            }
        }
    }
}

/// A refusal, under the code that it has or, where the call itself is wrong, that of a wrong
/// request.
fn refused(answer: &Answer) -> Error {
    let code = match answer {
        Answer::Denied { code, .. } | Answer::Limit { code, .. } => Code::parse(code),
        _ => None,
    };
    Error::new(code.unwrap_or(Code::RequestInvalid), answer.describe())
}

fn state_call(space: KeySpace, verb: &str, key: &[&str]) -> Option<Asked> {
    let key = match key {
        [] => SOME_KEY.to_owned(),
        [key] => (*key).to_owned(),
        _ => return None,
    };
    let call = match verb {
        "get" => StateCall::Get { key },
        "set" => StateCall::Set { key, value: Vec::new(), ttl_ms: None },
        "delete" => StateCall::Delete { key },
        "compare-and-set" => StateCall::CompareAndSet { key, expected: None, value: Vec::new(), ttl_ms: None },
        "increment" => StateCall::Increment { key, delta: 1 },
        "expire" => StateCall::Expire { key, ttl_ms: None },
        "list" => StateCall::List { prefix: key, after: None, limit: 1 },
        _ => return None,
    };
    Some(Asked::State(space, call))
}

fn files_call(verb: &str, place: &str) -> Option<FilesCall> {
    let (directory, path) = place.split_once('/').unwrap_or((place, ""));
    let (directory, path) = (directory.to_owned(), path.to_owned());
    Some(match verb {
        "read" => FilesCall::Read { directory, path, offset: 0, length: 1 },
        "write" => FilesCall::Write { directory, path, content: Content::new(Vec::new()) },
        "stat" => FilesCall::Stat { directory, path },
        "list" => FilesCall::List { directory, path, after: None, limit: 1 },
        "delete" => FilesCall::Delete { directory, path },
        _ => return None,
    })
}

fn http_request(method: &str, url: &str, request: &ExplainRequest) -> Result<Asked> {
    let wrong = |what: &str| Error::new(Code::RequestInvalid, format!("{what}, so it is no request"));
    let body = request.body.clone().unwrap_or_default();
    if body.len() > limits::HTTP_REQUEST_BODY_BYTES_MAX {
        return Err(wrong("the body is larger than any that is sent"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let shown = http_gate::shown(name);
        let name: HeaderName = name.parse().map_err(|_| wrong(&format!("`{shown}` is not the name of a header")))?;
        let value: HeaderValue =
            value.parse().map_err(|_| wrong(&format!("`{shown}` has a value that no header has")))?;
        headers.append(name, value);
    }
    Ok(Asked::Http {
        method: method.parse().map_err(|_| wrong(&format!("`{}` is not a method", http_gate::shown(method))))?,
        uri: url.parse().map_err(|_| wrong(&format!("`{}` is not a URL", http_gate::shown(url))))?,
        headers,
        body: body.into(),
        credential: request.credential.clone(),
    })
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
