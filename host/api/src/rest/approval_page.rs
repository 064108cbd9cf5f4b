//! `/approve`: the page that a link to an approval opens, and the decision that comes from it.
//!
//! *The attack:* what an agent wrote is markup or a script in an approver's browser; a scanner of mail decides
//! by following a link; a page of another site decides by a form; the link leaks by a log, a referrer or a
//! cache. *The rule:* the page has no script and no style, and its policy allows neither; all that others wrote
//! is escaped, characters that are not seen are spelt out; looking decides nothing; the decision is a form whose
//! body carries the link, which no other page knows; paths alone are logged, and nothing of it is kept or told
//! on. The link is the credential: no token is asked for, and it opens nothing but this.

use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use troupe_core::view::{DecideRequest, LinkedApproval, TaskApprovalStatus, TaskApprovalView};
use troupe_core::{Code, Error, Result, is_hidden, limits};

use crate::Doors;
use crate::body::{self, Query};
use crate::problem::{self, Failed};

/// No script, no style, nothing from elsewhere; framed by nobody; forms go to this host.
const POLICY: &str = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The link that is opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opened {
    link: String,
}

/// What the form of the page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decided {
    link: String,
    revision: u64,
    decision: Verdict,
    #[serde(default)]
    reason: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Approve,
    Reject,
}

/// Shows what a link is about. Decides nothing.
pub(crate) async fn show(State(doors): State<Doors>, query: std::result::Result<Query<Opened>, Failed>) -> Response {
    let shown = match query {
        Ok(Query(Opened { link })) => doors.runtime.linked_approval(&link).await.map(|shown| (shown, link)),
        Err(_) => Err(Error::new(Code::RequestInvalid, "this is no link to an approval")),
    };
    match shown {
        Ok((shown, link)) => page(StatusCode::OK, "Approve?", &question(&shown, &link)),
        Err(error) => failed(&error),
    }
}

/// Decides by a link, once.
pub(crate) async fn decide(State(doors): State<Doors>, request: Request) -> Response {
    let decided = match form(request).await {
        Ok(Decided { link, revision, decision, reason }) => {
            let reason = (!reason.trim().is_empty()).then_some(reason);
            let request = DecideRequest { revision, level: None, reason };
            doors.runtime.decide_by_link(&link, matches!(decision, Verdict::Approve), request).await
        }
        Err(error) => Err(error),
    };
    match decided {
        Ok(view) => page(StatusCode::OK, "Decided", &outcome(&view)),
        Err(error) => failed(&error),
    }
}

async fn form(request: Request) -> Result<Decided> {
    let (parts, sent) = request.into_parts();
    let bytes = body::read(sent, limits::APPROVAL_FORM_BYTES_MAX).await?;
    let request = Request::from_parts(parts, Body::from(bytes));
    let axum::Form(decided) = axum::Form::<Decided>::from_request(request, &()).await.map_err(|error| {
        Error::new(Code::RequestInvalid, format!("the form is not what is expected: {}", error.body_text()))
    })?;
    Ok(decided)
}

/// The question: all that is shown, and a form.
fn question(shown: &LinkedApproval, link: &str) -> String {
    let LinkedApproval { approval: view, holder, expires_at } = shown;
    let (approval, action) = (&view.approval, &view.approval.action);
    let mut out = String::new();
    if let Some(shown) = &view.shown {
        out.push_str(&format!("<p><strong>{}</strong></p>", escaped(&shown.summary)));
    }
    out.push_str("<dl>");
    let mut say = |name: &str, text: &str| {
        out.push_str(&format!("<dt>{name}</dt><dd>{}</dd>", escaped(text)));
    };
    say("Skill", &format!("{} of {}@{}", action.skill, action.agent, action.version));
    say("Release", &action.digest.to_string());
    if let Some(configuration) = action.configuration {
        say("Configuration", &format!("{}, revision {}", configuration.digest, configuration.revision));
    }
    say("Reaches", &action.effect.to_string());
    say("Asked for by", &approval.asked_by);
    say("Since", &approval.requested_at.to_string());
    if let Some(reason) = &approval.rule.reason {
        say("Why you are asked", reason);
    }
    if let Some(digest) = approval.shown {
        say("What is shown", &digest.to_string());
    }
    say("You decide as", holder);
    say("This link is good until", &expires_at.to_string());
    out.push_str("</dl>");
    let mut document = |name: &str, value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        out.push_str(&format!("<h2>{name}</h2><pre>{}</pre>", escaped(&text)));
    };
    if let Some(action) = view.shown.as_ref().and_then(|shown| shown.action.clone()) {
        document("The agent would do exactly this", &Value::Object(action));
    }
    if let Some(configuration) = &view.configuration {
        document("It runs under this configuration", configuration);
    }
    if let Some(input) = &view.input {
        document("The task was asked for with", input);
    }
    out.push_str(&format!(
        "<form method=\"post\" action=\"/approve\">\
         <input type=\"hidden\" name=\"link\" value=\"{}\"><input type=\"hidden\" name=\"revision\" value=\"{}\">\
         <p><label>Why <input name=\"reason\" maxlength=\"{}\"></label> (needed to reject)</p>\
         <p><button name=\"decision\" value=\"approve\">Approve</button> \
         <button name=\"decision\" value=\"reject\">Reject</button></p></form>\
         <p>Nothing is decided before you press a button. This link decides once.</p>",
        escaped(link),
        view.revision,
        limits::APPROVAL_REASON_CHARS_MAX,
    ));
    out
}

fn outcome(view: &TaskApprovalView) -> String {
    let said = match view.status {
        TaskApprovalStatus::Granted => "It is approved.",
        TaskApprovalStatus::Rejected => "It is rejected.",
        _ => "Your approval is noted; others have to approve, too.",
    };
    format!("<p>{said}</p><p>Approval {} of task {}.</p>", view.id, view.task)
}

fn failed(error: &Error) -> Response {
    problem::log(error);
    let again = match error.code {
        Code::ApprovalConflict => "<p>Open the link again to see it as it is now.</p>",
        _ => "",
    };
    page(problem::status(error), "Nothing was decided", &format!("<p>{}</p>{again}", escaped(&error.message)))
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"robots\" content=\"noindex\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // The form's request then still says that it comes from this host.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, html).into_response()
}

/// Text as it is shown, whatever somebody wrote into it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if is_hidden(c) => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text_and_all_of_it_is_seen() {
        let text = "<script>alert('x')</script> & \"\u{202e}gpj\u{0}\nnext";
        let seen = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;\\u{202e}gpj\\u{0}\nnext";
        assert_eq!(escaped(text), seen);
    }
}
