use std::collections::HashSet;

use super::*;

#[test]
fn codes_are_distinct_and_read_back() {
    let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), Code::ALL.len());
    for code in Code::ALL {
        assert_eq!(Code::parse(code.as_str()), Some(*code));
    }
}

#[test]
fn the_cause_stays_out_of_the_public_sentence() {
    let error = Error::internal(std::io::Error::other("secret path"));
    assert!(!error.to_string().contains("secret"));
    assert_eq!(error.cause_chain().as_deref(), Some("secret path"));
}
