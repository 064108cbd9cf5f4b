//! The report: what it shows, and that nothing written by others acts in it.

use roxmltree::{Document, Node};
use troupe_estate::diff::{Change, Counts};
use troupe_estate::output::html::{self, Report, Tally};
use troupe_estate::output::{Cell, Table};
use troupe_estate::{Finding, Problem, Severity};

use crate::samples::{about, findings, money, now, problem, rows, volume, written};

fn report(list: &[Finding], problems: &[Problem], changes: Option<&Counts>, rows_max: usize) -> String {
    with_tables(list, problems, changes, rows_max, &[])
}

fn with_tables(
    list: &[Finding],
    problems: &[Problem],
    changes: Option<&Counts>,
    rows_max: usize,
    tables: &[Table],
) -> String {
    let mut tally = Tally::default();
    list.iter().for_each(|finding| tally.add(finding, now()));
    let report =
        Report { title: "Acme <production>", about: about(), tally: &tally, changes, tables, problems, rows_max };
    written(|out| html::findings(out, report, rows(list.to_vec())).unwrap())
}

/// Reads a report, which is written so that it is XML, too.
fn parsed(text: &str) -> Document<'_> {
    let text = text.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    Document::parse(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn words(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect::<Vec<&str>>().join(" ")
}

#[test]
fn a_report_reads_as_documented() {
    let mut counts = Counts::default();
    counts.add(&Change::New { now: () });
    counts.add(&Change::Fixed { before: () });
    let text = report(&findings(), &[problem("ec2", "DescribeVolumes", None)], Some(&counts), 100);
    parsed(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_written_by_others_acts() {
    let hostile = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)> & \u{202e}\u{0007}";
    let resource = volume(hostile).name("\"><svg onload=alert(1)>").account(Some(hostile.to_owned()));
    let mut finding = Finding::new(hostile, hostile, Severity::High, resource.reference(), "").seen(hostile, hostile);
    finding.fix = hostile.to_owned();
    finding.resource.region = hostile.to_owned();
    finding.resource.kind = format!("aws.{hostile}.x").into();
    let mut saving = money(1.0);
    hostile.clone_into(&mut saving.source);
    hostile.clone_into(&mut saving.as_of);
    hostile.clone_into(&mut saving.currency);
    finding.saving = Some(saving);
    let mut problem = problem("ec2", "DescribeVolumes", None);
    problem.message = hostile.to_owned();
    problem.code = hostile.to_owned();
    problem.region = hostile.to_owned();
    let text = report(&[finding], &[problem], None, 100);
    assert!(!text.contains(['\u{202e}', '\u{0007}']));
    let document = parsed(&text);
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "img", "iframe", "object", "embed", "link", "a", "base", "form"].contains(&name),
            "<{name}>"
        );
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on") && !["href", "src", "style"].contains(&attribute.name()));
        }
    }
    assert!(words(document.root()).contains("<script>alert(1)</script>"), "it is shown as the text it is");
}

#[test]
fn the_table_holds_the_open_findings_and_says_what_it_leaves_out() {
    let found = |number: usize| Finding::new("r", "t", Severity::Low, volume(&format!("vol-{number}")).reference(), "");
    let mut list: Vec<Finding> = (0..5).map(found).collect();
    list.push(found(9).passed());
    let text = report(&list, &[], None, 3);
    let document = parsed(&text);
    let bodies: Vec<Node<'_, '_>> = document.descendants().filter(|node| node.has_tag_name("tbody")).collect();
    let [body] = bodies.as_slice() else { panic!("{} tables", bodies.len()) };
    assert_eq!(body.children().filter(|node| node.has_tag_name("tr")).count(), 3);
    assert!(text.contains("The table shows 3 of 5"));
    assert!(text.contains("Nothing: all that was asked for was looked at."));
}

#[test]
fn a_person_who_does_not_see_is_told_the_same() {
    let text = report(&findings(), &[problem("ec2", "DescribeVolumes", None)], None, 100);
    let document = parsed(&text);
    let all = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
    assert_eq!(document.root_element().attribute("lang"), Some("en"));
    for table in all("table") {
        assert!(table.children().any(|node| node.has_tag_name("caption")));
    }
    assert!(all("th").all(|node| node.attribute("scope").is_some()));
    let charts: Vec<&str> = all("svg").map(|node| node.attribute("aria-label").expect("a label")).collect();
    assert_eq!(
        charts,
        [
            "Open findings by severity: critical: 1, high: 0, medium: 0, low: 1, informational: 0",
            "Open findings by service: aws ec2: 1, aws s3: 1",
        ]
    );
}

#[test]
fn many_services_share_the_last_bar_and_the_longest_fills_the_room() {
    let found = |service: usize| {
        let resource = troupe_estate::Resource::new(format!("aws.s{service:02}.x"), "global", "a");
        Finding::new("r", "t", Severity::Low, resource.reference(), "")
    };
    let mut list: Vec<Finding> = (0..20).map(found).collect();
    list.push(found(7));
    let text = report(&list, &[], None, 0);
    let document = parsed(&text);
    let chart = document.descendants().filter(|node| node.has_tag_name("svg")).nth(1).unwrap();
    assert!(
        chart.attribute("aria-label").unwrap().ends_with("aws s10: 1, 9 others: 9"),
        "{:?}",
        chart.attribute("aria-label")
    );
    let widths: Vec<&str> = chart.children().filter_map(|node| node.attribute("width")).collect();
    assert_eq!((widths.len(), widths[0], widths[11]), (12, "66.7", "300.0"));
}

#[test]
fn a_table_stands_before_the_findings_and_its_texts_are_texts() {
    let table = Table {
        title: "Compliance & more".to_owned(),
        caption: "<b>controls</b>".to_owned(),
        columns: vec!["Framework".to_owned(), "Failed".to_owned()],
        rows: vec![vec![Cell::Text("<script>".to_owned()), Cell::Number(3)]],
    };
    let text = with_tables(&findings(), &[], None, 100, &[table]);
    let document = parsed(&text);
    let of = |name: &str| document.descendants().find(|node| node.has_tag_name(name)).map(words).unwrap();
    assert_eq!((of("caption"), of("tbody").trim().to_owned()), ("<b>controls</b>".to_owned(), "<script> 3".to_owned()));
    assert!(text.find("Compliance &amp; more").unwrap() < text.find("Open findings</h2>").unwrap());
}
