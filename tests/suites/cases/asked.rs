//! A call that is asked for by REST, by gRPC or on a WebSocket, and what came of it in one form.

use serde_json::{Value, json};
use troupe_tests::Client;
use troupe_tests::grpc::{agents, code, proto, run};
use troupe_tests::socket::Socket;

/// Where calls come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Rest,
    Grpc,
    Socket,
}

/// All of them.
pub const DOORS: [Door; 3] = [Door::Rest, Door::Grpc, Door::Socket];

/// Why a task failed.
#[derive(Debug, Default, PartialEq)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub details: Value,
}

/// What came of a call: how the task ended, or the code with which it was refused.
#[derive(Debug)]
pub enum Outcome {
    Ended { status: String, output: Value, failure: Option<Failure> },
    Refused { code: String, message: String },
}

/// Doors say why in their own words where they refuse: of a limit one names bytes of a body and another those of
/// a message. What it was refused for is the same.
impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { code, .. }, Self::Refused { code: other, .. }) => code == other,
            (
                Self::Ended { status, output, failure },
                Self::Ended { status: other, output: others, failure: fails },
            ) => (status, output, failure) == (other, others, fails),
            _ => false,
        }
    }
}

impl Outcome {
    /// The code with which it ended or was refused, or the status of what went well.
    pub fn code(&self) -> &str {
        match self {
            Self::Ended { failure: Some(Failure { code, .. }), .. } | Self::Refused { code, .. } => code,
            Self::Ended { status, .. } => status,
        }
    }

    fn refused(problem: &Value) -> Self {
        let text = |field: &str| problem[field].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned();
        Self::Refused { code: text("code"), message: text("detail") }
    }

    /// How a task that REST or a socket tells of has ended.
    fn ended(task: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let failure = task.get("failure").map(|failure| Failure {
            code: text(&failure["code"]),
            message: text(&failure["message"]),
            details: failure["details"].clone(),
        });
        Self::Ended { status: text(&task["status"]), output: task["output"].clone(), failure }
    }
}

/// A call, as any door is asked for it.
pub struct Call<'a> {
    pub agent: &'a str,
    pub skill: &'a str,
    pub input: Value,
    pub idempotency_key: Option<String>,
}

impl<'a> Call<'a> {
    pub fn new(agent: &'a str, skill: &'a str, input: Value) -> Self {
        Self { agent, skill, input, idempotency_key: None }
    }

    fn task(&self) -> Value {
        let mut task = json!({ "agent": self.agent, "skill": self.skill, "input": self.input });
        if let Some(key) = &self.idempotency_key {
            task["idempotency_key"] = json!(key);
        }
        task
    }

    /// What comes of it through a door.
    pub async fn by(&self, door: Door, client: &Client) -> Outcome {
        match door {
            Door::Rest => self.by_rest(client).await,
            Door::Grpc => self.by_grpc(client).await,
            Door::Socket => self.by_socket(client).await,
        }
    }

    /// What comes of it through each door, which must be the same.
    pub async fn alike(&self, client: &Client) -> Outcome {
        let rest = self.by(Door::Rest, client).await;
        for door in [Door::Grpc, Door::Socket] {
            let named = format!("{door:?}, then REST: {} {} {}", self.agent, self.skill, self.input);
            assert_eq!(self.by(door, client).await, rest, "{named}");
        }
        rest
    }

    async fn by_rest(&self, client: &Client) -> Outcome {
        let said = client.post("/api/v1/tasks?wait=60", &self.task()).await.json();
        if said["status"].is_string() { Outcome::ended(&said) } else { Outcome::refused(&said) }
    }

    async fn by_grpc(&self, client: &Client) -> Outcome {
        let request = proto::RunTaskRequest {
            wait_ms: Some(60_000),
            idempotency_key: self.idempotency_key.clone(),
            ..run(self.agent, self.skill, &self.input)
        };
        match agents(client).await.run_task(request).await {
            Ok(task) => {
                let task = task.into_inner();
                let read = |text: String| serde_json::from_str(&text).expect("JSON");
                let status = task.status().as_str_name().trim_start_matches("TASK_STATUS_").to_ascii_lowercase();
                let failure = task.failure.map(|failure| Failure {
                    code: failure.code,
                    message: failure.message,
                    details: Some(failure.details_json).filter(|text| !text.is_empty()).map_or(Value::Null, read),
                });
                Outcome::Ended { status, output: task.output_json.map_or(Value::Null, read), failure }
            }
            Err(status) => Outcome::Refused { code: code(&status).to_owned(), message: status.message().to_owned() },
        }
    }

    async fn by_socket(&self, client: &Client) -> Outcome {
        let mut socket = match Socket::try_open(client, &[]).await {
            Ok((socket, _)) => socket,
            Err((_, problem)) => return Outcome::refused(&problem),
        };
        socket.say(&json!({ "type": "run", "id": "call", "task": self.task() })).await;
        let mut last = Value::Null;
        loop {
            let said = socket.next().await;
            if said["type"] == "error" {
                return Outcome::refused(&said["problem"]);
            }
            match said["event"].as_str() {
                Some("task") => last = said["data"].clone(),
                Some("end") => return Outcome::ended(&last),
                _ => {}
            }
        }
    }
}
