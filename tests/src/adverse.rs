//! An account in which things go wrong: a service in front of another one that speaks AWS's protocols.
//!
//! Whoever signs a request says in its credential which service and region are asked. By that, and by how often
//! the same was asked before, a rule decides whether the service behind answers, nobody does, or an error comes in
//! the dialect of the service's protocol:
//!
//! | protocol | told by | throttled | expired | denied | failed |
//! |---|---|---|---|---|---|
//! | EC2 | `<Response><Errors>` | 503 `RequestLimitExceeded` | 400 `RequestExpired` | 403 `UnauthorizedOperation` | 500 `InternalError` |
//! | query, CloudFront, Route 53 | `<ErrorResponse>` | 400 `Throttling` | 403 `ExpiredToken` | 403 `AccessDenied` | 500 `InternalFailure` |
//! | S3 | `<Error>` | 503 `SlowDown` | 400 `ExpiredToken` | 403 `AccessDenied` | 500 `InternalError` |
//! | JSON | `__type` | 400 `ThrottlingException` | 400 `ExpiredTokenException` | 400 `AccessDeniedException` | 500 `InternalFailure` |
//! | REST-JSON | `x-amzn-errortype` | 429 `TooManyRequestsException` | 403 `ExpiredTokenException` | 403 `AccessDeniedException` | 500 `InternalFailure` |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;

use crate::client;
use crate::service::{Reply, Request, Service};

/// What a request asks for, as its signature says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The service, as signatures name it.
    pub service: String,
    /// The region that it is signed for.
    pub region: String,
    /// Everything else that tells it from another: method, path and query, operation, body.
    pub what: String,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The service behind answers.
    Answered,
    /// The service asks for patience.
    Throttled,
    /// The keys it is signed with are no longer good.
    Expired,
    /// The account does not allow it.
    Denied,
    /// The service says that the fault is its own.
    Failed,
    /// It is taken, and nothing comes back.
    Silence,
}

type Rule = Arc<dyn Fn(&Asked, usize) -> Fate + Send + Sync>;

/// Such an account; it ends with the test.
pub struct Adverse {
    service: Service,
    shared: Arc<Shared>,
}

struct Shared {
    behind: String,
    http: reqwest::Client,
    rule: Mutex<Rule>,
    /// How often each request came since the rule is in force.
    asked: Mutex<BTreeMap<Asked, usize>>,
}

impl Adverse {
    /// Starts one in front of a service, which answers everything at first.
    pub async fn before(behind: &str) -> Self {
        let shared = Arc::new(Shared {
            behind: behind.to_owned(),
            http: client::builder().build().expect("a client"),
            rule: Mutex::new(Arc::new(|_, _| Fate::Answered)),
            asked: Mutex::default(),
        });
        let answering = Arc::clone(&shared);
        let service = Service::answering(move |request| Arc::clone(&answering).answer(request)).await;
        Self { service, shared }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// Has a rule decide from now on: by the request, and how often the same came before.
    pub fn rule(&self, rule: impl Fn(&Asked, usize) -> Fate + Send + Sync + 'static) {
        *self.shared.rule.lock().expect("no panic while held") = Arc::new(rule);
        self.shared.asked.lock().expect("no panic while held").clear();
    }

    /// What was asked since the rule is in force, and how often.
    pub fn asked(&self) -> BTreeMap<Asked, usize> {
        self.shared.asked.lock().expect("no panic while held").clone()
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request) -> Option<Reply> {
        let asked = read(&request).expect("a request that is signed");
        let before = {
            let mut all = self.asked.lock().expect("no panic while held");
            let count = all.entry(asked.clone()).or_default();
            *count += 1;
            *count - 1
        };
        let rule = Arc::clone(&*self.rule.lock().expect("no panic while held"));
        match rule(&asked, before) {
            Fate::Answered => Some(self.pass(request).await),
            Fate::Silence => None,
            fate => Some(refusal(&request, &asked.service, fate)),
        }
    }

    /// Has the service behind answer.
    async fn pass(&self, request: Request) -> Reply {
        let method: Method = request.method.parse().expect("a method");
        let headers = request.headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()));
        let sent = headers
            .fold(self.http.request(method, format!("{}{}", self.behind, request.target)), |sent, (name, value)| {
                sent.header(name, value)
            });
        let answer = sent.body(request.body).send().await.expect("an answer of the service behind");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let reply = Reply::text(status, answer.text().await.expect("a whole answer"));
        let kept = ["content-type", "x-amzn-errortype"];
        kept.into_iter().fold(reply, |reply, name| match headers.get(name) {
            Some(value) => reply.with(name, value.to_str().expect("text")),
            None => reply,
        })
    }
}

/// Reads who is asked for what.
fn read(request: &Request) -> Option<Asked> {
    let (_, credential) = request.header("authorization")?.split_once("Credential=")?;
    let mut scope = credential.split(',').next()?.split('/').skip(2);
    let (region, service) = (scope.next()?.to_owned(), scope.next()?.to_owned());
    let operation = request.header("x-amz-target").unwrap_or_default();
    let what = format!("{} {} {operation} {}", request.method, request.target, request.body);
    Some(Asked { service, region, what })
}

/// An error in the dialect in which it was asked.
fn refusal(request: &Request, service: &str, fate: Fate) -> Reply {
    let form = request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let xml = |status, text: String| Reply::text(status, text).with("content-type", "text/xml");
    if service == "ec2" {
        let (status, code, message) = match fate {
            Fate::Throttled => (503, "RequestLimitExceeded", "Request limit exceeded."),
            Fate::Expired => (400, "RequestExpired", "Request has expired."),
            Fate::Denied => (403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
            _ => (500, "InternalError", "An internal error has occurred"),
        };
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        return xml(status, format!("<Response><Errors>{error}</Errors><RequestID>0</RequestID></Response>"));
    }
    if service == "s3" {
        let (status, code, message) = match fate {
            Fate::Throttled => (503, "SlowDown", "Please reduce your request rate."),
            Fate::Expired => (400, "ExpiredToken", "The provided token has expired."),
            Fate::Denied => (403, "AccessDenied", "Access Denied"),
            _ => (500, "InternalError", "We encountered an internal error. Please try again."),
        };
        return xml(status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"));
    }
    if form || ["cloudfront", "route53"].contains(&service) {
        let (status, code, message) = match fate {
            Fate::Throttled => (400, "Throttling", "Rate exceeded"),
            Fate::Expired => (403, "ExpiredToken", "The security token included in the request is expired"),
            Fate::Denied => (403, "AccessDenied", "User is not authorized to perform this"),
            _ => (500, "InternalFailure", "An internal failure occurred"),
        };
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
        return xml(status, format!("<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>"));
    }
    let message = match fate {
        Fate::Throttled => "Rate exceeded",
        Fate::Expired => "The security token included in the request is expired",
        Fate::Denied => "User is not authorized to perform this",
        _ => "An internal failure occurred",
    };
    if request.header("x-amz-target").is_some() {
        let (status, code) = match fate {
            Fate::Throttled => (400, "ThrottlingException"),
            Fate::Expired => (400, "ExpiredTokenException"),
            Fate::Denied => (400, "AccessDeniedException"),
            _ => (500, "InternalFailure"),
        };
        return Reply::json(status, &json!({ "__type": code, "message": message }));
    }
    let (status, code) = match fate {
        Fate::Throttled => (429, "TooManyRequestsException"),
        Fate::Expired => (403, "ExpiredTokenException"),
        Fate::Denied => (403, "AccessDeniedException"),
        _ => (500, "InternalFailure"),
    };
    Reply::json(status, &json!({ "message": message })).with("x-amzn-errortype", code)
}
