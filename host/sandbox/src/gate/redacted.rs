//! What is left of a call and its answer once they are redacted: which call it was, and
//! nothing that a guest or a server wrote.

use super::call::encode;
use super::{Answer, Call};

/// What is kept of an encoded call: its capability and function, of a request the method and
/// the action. Addresses, keys and bodies go. A wait holds nothing, so it stays.
pub fn redacted_call(call: &[u8]) -> Vec<u8> {
    let name = match Call::decode(call) {
        Ok(call @ (Call::Wait | Call::Cancelled)) => return encode(&call),
        Ok(Call::Http(call)) => match &call.action {
            Some(action) => format!("http {} ({action})", method(&call.method)),
            None => format!("http {}", method(&call.method)),
        },
        Ok(call) => call.name().to_owned(),
        Err(_) => "an unknown call".to_owned(),
    };
    encode(&Call::Redacted { name })
}

/// A method of one's own making may say anything.
fn method(method: &str) -> &str {
    if ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"].contains(&method) { method } else { "request" }
}

/// What stands for an answer.
pub fn redacted_answer() -> Vec<u8> {
    Answer::Redacted.encode()
}

#[cfg(test)]
mod tests {
    use super::super::{HttpBody, HttpCall};
    use super::*;

    fn left(call: &Call) -> String {
        let left = redacted_call(&encode(call));
        assert_eq!(redacted_call(&left), left, "there is nothing more to take");
        Call::decode(&left).unwrap().describe()
    }

    #[test]
    fn what_is_left_names_the_call_and_holds_nothing_of_it() {
        let http = |method: &str, action: Option<&str>| {
            Call::Http(HttpCall {
                method: method.to_owned(),
                url: "https://secret.example.com/secret?secret".to_owned(),
                headers: vec![("secret".to_owned(), serde_bytes::ByteBuf::from("secret"))],
                body: HttpBody::of(b"secret"),
                credential: Some("aws:secret".to_owned()),
                action: action.map(str::to_owned),
                repeatable: false,
                secrets: Vec::new(),
            })
        };
        assert_eq!(left(&http("POST", Some("ec2:StopInstances"))), "http POST (ec2:StopInstances)");
        assert_eq!(left(&http("SECRET", None)), "http request");
        assert_eq!(redacted_call(&encode(&Call::Wait)), encode(&Call::Wait));
        assert_eq!(Answer::decode(&redacted_answer()).unwrap(), Answer::Redacted);
        assert_eq!(Call::decode(&redacted_call(b"no call")).unwrap().describe(), "an unknown call");
    }
}
