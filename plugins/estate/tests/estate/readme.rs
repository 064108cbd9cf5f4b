//! README.md says what the code does.

use serde_json::Value;
use troupe_estate::{Class, Finding, Problem, Resource};

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_of_classes_is_that_of_the_code() {
    let table: Vec<&str> = README
        .lines()
        .skip_while(|line| *line != "| class | what it is |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let code: Vec<String> =
        Class::ALL.iter().map(|class| format!("| `{}` | {} |", class.name(), class.meaning())).collect();
    assert_eq!(table.join("\n"), code.join("\n"));
}

/// The blocks of code of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    README.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn the_forms_shown_are_those_of_the_code() {
    let shown = blocks("json");
    let [resource, finding, problem] = shown.as_slice() else { panic!("{} forms", shown.len()) };
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let again = |value: &Value, read: Value| assert_eq!(&read, value, "each field shown is one of the code");
    let told: Resource = serde_json::from_str(resource).unwrap();
    again(&value(resource), serde_json::to_value(&told).unwrap());
    assert_eq!(told.class, troupe_estate::class_of(&told.kind));
    let told: Finding = serde_json::from_str(finding).unwrap();
    again(&value(finding), serde_json::to_value(&told).unwrap());
    assert!(
        told.is_genuine(),
        "the fingerprint of the finding shown is {}",
        troupe_estate::Fingerprint::new(&told.rule, &told.resource, &told.discriminator)
    );
    let told: Problem = serde_json::from_str(problem).unwrap();
    again(&value(problem), serde_json::to_value(&told).unwrap());
}

#[test]
fn the_recipe_of_the_fingerprint_is_shown_as_the_code_has_it() {
    let code = include_str!("../../src/fingerprint.rs");
    let [recipe] = blocks("python").try_into().expect("one recipe");
    let lines: Vec<String> = recipe.lines().map(|line| format!("//! {line}")).collect();
    assert!(code.contains(&lines.join("\n")), "the recipe differs from that in fingerprint.rs");
}
