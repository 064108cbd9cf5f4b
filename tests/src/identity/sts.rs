//! The AWS Security Token Service, which gives the keys of a role to whoever signs for it or shows
//! the token of a platform, and a service that takes these keys with their token alone.
//!
//! Signatures are computed anew here, by the steps of AWS's description of Signature Version 4:
//! the canonical request, the string to sign, the chain of keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use troupe_core::{Clock as _, SystemClock, Timestamp};

use super::{now, verified};
use crate::canary::Canaries;
use crate::service::{Reply, Request, Service};

/// The role.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/audit";
/// What the role wants to be named beside the signature.
pub const EXTERNAL_ID: &str = "the-auditors-4711";
/// What the session is called.
pub const SESSION: &str = "inventory";
/// The key that may take the role.
pub const KEY: &str = "AKIDEXAMPLEOFTHETESTS";
/// The region that everything is in.
pub const REGION: &str = "eu-west-1";

/// Whom a platform's token must be made out to.
pub const AUDIENCE: &str = "sts.amazonaws.com";
/// Who may take the role by a token of its platform.
pub const SUBJECT: &str = "system:serviceaccount:troupe:host";

/// How far the time of a signature may be from now.
const SKEW_SECONDS: u64 = 300;

/// The token service.
#[derive(Debug)]
pub struct Sts {
    /// Where it listens.
    pub service: Service,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    canaries: Canaries,
    secret: String,
    life: Duration,
    given: Mutex<HashMap<String, Given>>,
    exchanges: AtomicU64,
}

/// The keys of a session, by their id.
#[derive(Debug, Clone)]
struct Given {
    secret: String,
    token: String,
    until: Instant,
}

impl Sts {
    /// Starts it: who signs with this secret gets keys that live so long.
    pub async fn start(canaries: &Canaries, secret: &str, life: Duration) -> Self {
        let state = State {
            canaries: canaries.clone(),
            secret: secret.to_owned(),
            life,
            given: Mutex::default(),
            exchanges: AtomicU64::new(0),
        };
        let state = Arc::new(state);
        let assumes = Arc::clone(&state);
        Self { service: Service::start(move |request| assumes.assume(request)).await, state }
    }

    /// Starts a service, called `s3`, that takes these keys while they are good, with their token.
    pub async fn api(&self) -> Service {
        let state = Arc::clone(&self.state);
        Service::start(move |request| match state.is_let_in(request) {
            Ok(key) => Reply::text(200, format!("signed by {key}")),
            Err(why) => refusal(403, why),
        })
        .await
    }

    /// How often keys were asked for.
    pub fn exchanges(&self) -> u64 {
        self.state.exchanges.load(Ordering::SeqCst)
    }
}

impl State {
    fn assume(&self, request: &Request) -> Reply {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        let Some(mut form) = request.form() else { return refusal(400, "MalformedInput") };
        let action = form.remove("Action").unwrap_or_default();
        let proven = match action.as_str() {
            "AssumeRole" => self.is_signed_for(request, &mut form),
            "AssumeRoleWithWebIdentity" => is_shown(request, &mut form),
            _ => Err((400, "InvalidAction")),
        };
        if let Err((status, why)) = proven {
            return refusal(status, why);
        }
        for (name, value) in [("Version", "2011-06-15"), ("RoleArn", ROLE), ("RoleSessionName", SESSION)] {
            if form.remove(name).as_deref() != Some(value) {
                return refusal(403, "AccessDenied");
            }
        }
        let seconds = form.remove("DurationSeconds").and_then(|seconds| seconds.parse::<u64>().ok());
        if !seconds.is_some_and(|seconds| (900..=43_200).contains(&seconds)) || !form.is_empty() {
            return refusal(400, "ValidationError");
        }
        let random = || format!("{:032x}", rand::random::<u128>());
        let key = format!("ASIA{}", random()[..16].to_uppercase());
        let given = Given { secret: random(), token: random().repeat(8), until: Instant::now() + self.life };
        self.canaries.watch(&given.secret);
        self.canaries.watch(&given.token);
        let ends = SystemClock.now().as_millis() + i64::try_from(self.life.as_millis()).expect("a life");
        let text = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
             </{action}Result></{action}Response>",
            given.secret,
            given.token,
            Timestamp::from_millis(ends),
        );
        self.given.lock().expect("no panic while held").insert(key, given);
        Reply::text(200, text).with("content-type", "text/xml")
    }

    /// Whether the operator's key has signed for the role, by the name that the role wants beside that.
    fn is_signed_for(&self, request: &Request, form: &mut BTreeMap<String, String>) -> Result<(), Refused> {
        let signed = match Signed::read(request, "sts") {
            Ok(signed) if signed.key == KEY => signed.verify(request, &self.secret),
            Ok(_) => Err("InvalidClientTokenId"),
            Err(why) => Err(why),
        };
        signed.map_err(|why| (403, why))?;
        if form.remove("ExternalId").as_deref() == Some(EXTERNAL_ID) { Ok(()) } else { Err((403, "AccessDenied")) }
    }

    /// The key that a request is signed with, if it is one of a session that is good still.
    fn is_let_in(&self, request: &Request) -> Result<String, &'static str> {
        let signed = Signed::read(request, "s3")?;
        let given = self.given.lock().expect("no panic while held").get(&signed.key).cloned();
        let given = given.ok_or("InvalidAccessKeyId")?;
        if request.header("x-amz-security-token") != Some(&given.token) {
            return Err("InvalidToken");
        }
        if Instant::now() > given.until {
            return Err("ExpiredToken");
        }
        signed.verify(request, &given.secret)?;
        Ok(signed.key)
    }
}

/// The status and the code of a refusal.
type Refused = (u16, &'static str);

/// Whether a request that nobody has signed shows a token of the platform that says who runs there, to this service.
fn is_shown(request: &Request, form: &mut BTreeMap<String, String>) -> Result<(), Refused> {
    if request.header("authorization").is_some() || request.header("x-amz-date").is_some() {
        return Err((400, "InvalidParameterCombination"));
    }
    let token = form.remove("WebIdentityToken").unwrap_or_default();
    let (_, claims) = verified(&token).ok_or((400, "InvalidIdentityToken"))?;
    if claims["aud"] != AUDIENCE || claims["sub"] != SUBJECT {
        return Err((400, "InvalidIdentityToken"));
    }
    if claims["exp"].as_u64().is_none_or(|end| end <= now()) { Err((400, "ExpiredTokenException")) } else { Ok(()) }
}

fn refusal(status: u16, code: &str) -> Reply {
    let text = format!("<ErrorResponse><Error><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>");
    Reply::text(status, text).with("content-type", "text/xml")
}

/// What a request says of its signature.
struct Signed {
    key: String,
    /// The day, region, service and ending of the scope.
    scope: [String; 4],
    headers: Vec<String>,
    signature: String,
}

impl Signed {
    /// Reads it, and holds the scope against the service.
    fn read(request: &Request, service: &str) -> Result<Self, &'static str> {
        let header = request.header("authorization").ok_or("MissingAuthenticationToken")?;
        let rest = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("IncompleteSignature")?;
        let part = |name: &str| {
            let mut parts = rest.split(',').map(str::trim).filter_map(|part| part.split_once('='));
            parts.find(|(found, _)| *found == name).map(|(_, value)| value).ok_or("IncompleteSignature")
        };
        let mut credential = part("Credential")?.split('/').map(str::to_owned);
        let key = credential.next().unwrap_or_default();
        let scope: [String; 4] = credential.collect::<Vec<_>>().try_into().map_err(|_| "IncompleteSignature")?;
        if scope[1..] != [REGION, service, "aws4_request"] {
            return Err("SignatureDoesNotMatch");
        }
        let headers = part("SignedHeaders")?.split(';').map(str::to_owned).collect();
        Ok(Self { key, scope, headers, signature: part("Signature")?.to_owned() })
    }

    /// Computes the signature anew.
    fn verify(&self, request: &Request, secret: &str) -> Result<(), &'static str> {
        let time = request.header("x-amz-date").ok_or("MissingAuthenticationToken")?;
        let at = seconds(time).ok_or("IncompleteSignature")?;
        if !time.starts_with(&self.scope[0]) || at.abs_diff(now()) > SKEW_SECONDS {
            return Err("RequestExpired");
        }
        // Whatever says to whom, when and by whom is signed, or somebody could change it.
        let must_be_signed = |name: &str| name == "host" || name.starts_with("x-amz-");
        let is_signed = |name: &String| self.headers.contains(name);
        if !self.headers.is_sorted()
            || !request.headers.iter().all(|(name, _)| !must_be_signed(name) || is_signed(name))
        {
            return Err("SignatureDoesNotMatch");
        }
        let body = hex::encode(Sha256::digest(&request.body));
        if request.header("x-amz-content-sha256").is_some_and(|told| told != body) {
            return Err("XAmzContentSHA256Mismatch");
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let mut pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
            .collect();
        pairs.sort();
        let mut canonical = format!("{}\n{path}\n{}\n", request.method, pairs.join("&"));
        for name in &self.headers {
            let value = request.header(name).ok_or("SignatureDoesNotMatch")?;
            canonical += &format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        canonical += &format!("\n{}\n{body}", self.headers.join(";"));
        let digest = hex::encode(Sha256::digest(&canonical));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{digest}", self.scope.join("/"));
        let first = format!("AWS4{secret}").into_bytes();
        let key = self.scope.iter().fold(first, |key, part| mac(&key, part));
        if hex::encode(mac(&key, &to_sign)) == self.signature { Ok(()) } else { Err("SignatureDoesNotMatch") }
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The seconds since the epoch of a time as `20260102T030405Z`.
fn seconds(time: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<u64>().ok();
    let iso = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        number(0..4)?,
        number(4..6)?,
        number(6..8)?,
        number(9..11)?,
        number(11..13)?,
        number(13..15)?
    );
    let at: Timestamp = serde_json::from_value(iso.into()).ok()?;
    u64::try_from(at.as_millis() / 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's description, `get-vanilla` of its test suite.
    #[test]
    fn the_key_of_a_day_is_that_of_aws_s_own_example() {
        let scope = ["20120215", "us-east-1", "iam", "aws4_request"];
        let first = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        let key = scope.iter().fold(first, |key, part| mac(&key, part));
        assert_eq!(hex::encode(key), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    }

    #[test]
    fn a_time_is_read_as_aws_writes_it() {
        assert_eq!(seconds("20260102T030405Z"), Some(1_767_323_045));
        assert_eq!(seconds("2026-01-02"), None);
    }
}
