//! The agent that authors copy is the one in the guide and on the first page, and works.

use serde_json::json;
use troupe_sdk::test;

include!("../../templates/rust/src/lib.rs");

const SOURCE: &str = include_str!("../../templates/rust/src/lib.rs");
const MANIFEST: &str = include_str!("../../templates/rust/agent.toml");
const CARGO: &str = include_str!("../../templates/rust/Cargo.toml.tmpl");

#[test]
fn the_template_says_the_text_back() {
    assert_eq!(test::perform::<Echo>("echo", json!({ "text": "hello" })), Ok(json!({ "text": "hello" })));
}

#[test]
fn the_guide_and_the_first_page_show_the_template_as_it_is() {
    for page in [include_str!("../README.md"), include_str!("../../../README.md")] {
        assert!(page.contains(&format!("```rust\n{SOURCE}```\n")));
    }
}

#[test]
fn the_smallest_agent_stays_about_twenty_lines() {
    let lines = SOURCE.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 20, "{lines} lines");
}

#[test]
fn the_templates_are_toml_once_their_names_are_filled_in() {
    let filled = |text: &str| text.replace("{{name}}", "hello").replace("{{sdk}}", r#"{ path = "../sdk" }"#);
    let manifest: toml::Table = filled(MANIFEST).parse().unwrap();
    assert_eq!(manifest["name"].as_str(), Some("hello"));
    let cargo: toml::Table = filled(CARGO).parse().unwrap();
    assert_eq!(cargo["dependencies"]["troupe-sdk"]["path"].as_str(), Some("../sdk"));
    assert_eq!(cargo["package"]["version"], manifest["version"]);
    for text in [filled(MANIFEST), filled(CARGO)] {
        assert!(!text.contains("{{"), "a name is left in:\n{text}");
    }
}
