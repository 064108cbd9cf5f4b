use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use troupe_core::Code;

use super::Scrubber;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY\"KEY";

fn scrub(secret: &str, text: &str) -> String {
    String::from_utf8(Scrubber::new([secret.as_bytes()]).unwrap().scrub(text.as_bytes())).unwrap()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn every_occurrence_is_replaced_and_the_rest_is_kept() {
    let text = format!("a {SECRET} b {SECRET}{SECRET} c");
    assert_eq!(scrub(SECRET, &text), "a [redacted] b [redacted][redacted] c");
    assert_eq!(scrub(SECRET, "nothing here"), "nothing here");
    assert_eq!(scrub(SECRET, ""), "");
}

#[test]
fn secrets_are_found_in_other_spellings() {
    for form in [
        "wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCY%22KEY",
        "wJalrXUtnFEMI%2fK7MDENG%2bbPxRfiCY%22KEY",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCY\\\"KEY",
        "wJalrXUtnFEMI\\/K7MDENG+bPxRfiCY\\\"KEY",
        "wJalrXUtnFEMI/K7MDENG\\u002BbPxRfiCY\\u0022KEY",
        "wJalrXUtnFEMI/K7MDENG\\u002bbPxRfiCY\\u0022KEY",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCY&quot;KEY",
        &hex::encode(SECRET),
        &hex::encode_upper(SECRET),
    ] {
        assert_eq!(scrub(SECRET, &format!("<{form}>")), "<[redacted]>", "{form}");
    }
    assert_eq!(scrub("0123456789\"", "<0123456789\\\">"), "<[redacted]>");
    for before in ["", "a", "ab", "user:", "Basic x"] {
        for after in ["", "z", "zz"] {
            let text = format!("{before}{SECRET}{after}");
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let clean = scrub(SECRET, &encoded);
                let left = clean.replacen("[redacted]", "", 1);
                assert!(left.len() + SECRET.len() <= encoded.len(), "{text} {encoded} {clean}");
            }
        }
    }
}

#[test]
fn overlapping_secrets_leave_no_rest_of_either() {
    let scrubber = Scrubber::new([&b"abcdefgh"[..], b"fghijklm"]).unwrap();
    assert_eq!(scrubber.scrub(b"xabcdefghijklmy"), b"x[redacted]y");
}

#[test]
fn the_mark_never_becomes_part_of_a_secret() {
    for secret in ["redacted", "]aaaaaaa", "aaaaaaa[", "[redacted]", "<[redacted]>"] {
        let scrubber = Scrubber::new([secret.as_bytes()]).unwrap();
        let text = format!("aaaaaaa{secret}aaaaaaa{secret}");
        assert!(!contains(&scrubber.scrub(text.as_bytes()), secret.as_bytes()), "{secret}");
    }
}

#[test]
fn the_mark_can_stand_in_a_header_and_in_json() {
    let secret = "[redacted]<redacted>***";
    let clean = scrub(secret, &format!("a{secret}b"));
    assert!(clean.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte)), "{clean:?}");
    assert!(clean.starts_with('a') && clean.ends_with('b') && clean.len() == 3, "{clean:?}");
}

#[test]
fn who_knows_the_same_secrets_is_the_same_and_shows_none() {
    let of = |secrets: &[&[u8]]| Scrubber::new(secrets.iter().copied()).unwrap();
    assert_eq!(of(&[b"abcdefgh", b"ijklmnop"]).id(), of(&[b"ijklmnop", b"abcdefgh", b"abcdefgh"]).id());
    assert_ne!(of(&[b"abcdefgh", b"ijklmnop"]).id(), of(&[b"abcdefgh"]).id());
    assert_eq!(format!("{:?}", of(&[b"abcdefgh"])), "Scrubber { .. }");
}

#[test]
fn a_search_for_a_long_token_takes_little_memory() {
    let token: Vec<u8> = (0..4096_u32).map(|n| b'a' + u8::try_from(n * n % 25).unwrap()).collect();
    let scrubber = Scrubber::new([token.as_slice()]).unwrap();
    assert!(scrubber.search.memory_usage() < 4 << 20, "{}", scrubber.search.memory_usage());
}

#[test]
fn a_short_secret_is_refused_without_being_shown() {
    let error = Scrubber::new([&b"hunter2"[..]]).unwrap_err();
    assert_eq!(error.code, Code::CredentialsInvalid);
    assert!(!error.message.contains("hunter2"));
}

#[test]
fn without_secrets_everything_passes_at_once() {
    let scrubber = Scrubber::new([]).unwrap();
    let mut stream = scrubber.stream();
    assert_eq!(stream.push(b"abc"), b"abc");
    assert_eq!(stream.finish(), b"");
}

proptest! {
    /// Secrets and text share a small alphabet, so that partial and overlapping matches
    /// are common.
    #[test]
    fn no_secret_leaves_whatever_the_pieces(
        secrets in prop::collection::vec("[ab]{8,10}", 1..4),
        parts in prop::collection::vec(prop_oneof!["[ab/]{0,6}".prop_map(Err), (0_usize..4).prop_map(Ok)], 0..12),
        cuts in prop::collection::vec(1_usize..20, 1..40),
    ) {
        let text: String = parts
            .iter()
            .map(|part| match part {
                Ok(at) => secrets[at % secrets.len()].clone(),
                Err(text) => text.clone(),
            })
            .collect();
        let scrubber = Scrubber::new(secrets.iter().map(String::as_bytes)).unwrap();
        let mut stream = scrubber.stream();
        let (mut clean, mut rest) = (Vec::new(), text.as_bytes());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            clean.extend(stream.push(piece));
            rest = after;
        }
        clean.extend(stream.finish());
        for secret in &secrets {
            prop_assert!(!contains(&clean, secret.as_bytes()));
        }
        prop_assert_eq!(clean, scrubber.scrub(text.as_bytes()));
    }

    #[test]
    fn text_without_secrets_is_unchanged(text in "[a-z \\[\\]%=]{0,200}") {
        prop_assert_eq!(scrub("SECRET-0123", &text), text);
    }
}
