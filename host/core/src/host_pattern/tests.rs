use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> HostPattern {
    text.parse().unwrap()
}

#[test]
fn the_refusal_says_what_to_write_instead() {
    let why = |text: &str| text.parse::<HostPattern>().unwrap_err().message;
    insta::assert_snapshot!(why("API.example.com"), @"`API.example.com` is not a host pattern: host names are written in lower case");
    insta::assert_snapshot!(why("example.com:443"), @"`example.com:443` is not a host pattern: an address is written in its shortest form, and a port belongs into `port`");
    insta::assert_snapshot!(why("*.com"), @"`*.com` is not a host pattern: at least two labels stand after a `*`, such as `*.example.com`");
    insta::assert_snapshot!(why("127.1"), @"`127.1` is not a host pattern: it is neither an IPv4 address of four plain numbers nor a name");
}

#[test]
fn one_pattern_covers_another_only_where_every_host_is_covered() {
    assert!(pattern("*.example.com").covers(&pattern("a.example.com")));
    assert!(pattern("*.example.com").covers(&pattern("*.example.com")));
    assert!(!pattern("a.example.com").covers(&pattern("*.example.com")));
    assert!(!pattern("*.example.com").covers(&pattern("a.b.example.com")));
    assert!(pattern("::1").covers(&pattern("::1")));
    assert!(!pattern("10.0.0.1").covers(&pattern("10.0.0.2")));
}

#[test]
fn a_star_stands_for_a_label_and_nothing_else() {
    let star = pattern("*.example.com");
    for host in
        [".example.com", "%00.example.com", "a/b.example.com", "*.example.com", "-.example.com", "a@.example.com"]
    {
        assert!(!star.matches(host), "{host}");
    }
}

#[test]
fn what_two_patterns_share_is_a_pattern() {
    let shared = |one: &str, two: &str| pattern(one).intersect(&pattern(two)).map(|both| both.to_string());
    assert_eq!(
        shared("ec2.*.amazonaws.com", "*.eu-west-1.amazonaws.com").as_deref(),
        Some("ec2.eu-west-1.amazonaws.com")
    );
    assert_eq!(shared("*.example.com", "a.example.com").as_deref(), Some("a.example.com"));
    assert_eq!(shared("10.0.0.1", "10.0.0.1").as_deref(), Some("10.0.0.1"));
    for (one, two) in [("a.example.com", "b.example.com"), ("*.example.com", "a.b.example.com"), ("10.0.0.1", "a.b")] {
        assert_eq!(shared(one, two), None, "{one} {two}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_reads_back(text in "[a-z0-9.*:A-Z@\\[\\]-]{0,24}|\\PC{0,24}", host in "\\PC{0,24}") {
        if let Ok(read) = text.parse::<HostPattern>() {
            prop_assert_eq!(read.to_string(), text.clone());
            let dotted = format!("{text}.");
            prop_assert!(!read.matches(&dotted));
            let _ = read.matches(&host);
        }
    }

    #[test]
    fn a_name_covers_itself_in_any_case(name in "[a-z]{1,8}(\\.[a-z]{1,8}){1,3}") {
        prop_assert!(pattern(&name).matches(&name.to_uppercase()));
    }
}
