//! The sessions that `README.md` shows, typed once more: each command says what stands there, but for
//! names, times and figures. With `--nocapture` a session is printed as it went.

mod operator;
mod person;

use troupe_tests::{redacted, root};

/// The commands that a section of the README shows and what each of them said.
fn session(section: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = text.split_once(&format!("\n## {section}\n")).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut commands: Vec<(String, String)> = Vec::new();
    for block in section.split("\n```text\n").skip(1) {
        let (block, _) = block.split_once("\n```\n").expect("its end");
        for line in block.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, said))) => said.extend([line, "\n"]),
                (None, None) => panic!("the session begins with `{line}`"),
            }
        }
    }
    commands
}

/// The words of a command of `troupe`, as a shell reads them: none of another program's.
fn words(command: &str) -> Vec<String> {
    let Some(command) = command.strip_prefix("troupe ") else { return Vec::new() };
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// What a command said without what differs from run to run: ids, times and figures, how wide columns
/// are, and the steps of a swap that are over before somebody looks.
fn shape(said: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in redacted(said).lines() {
        let mut shaped: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            let figure = word.trim_end_matches(':');
            let is_figure = figure.contains(|letter: char| letter.is_ascii_digit())
                && figure.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            // A figure that is as it was stands once, one that has changed twice.
            let is_change = is_figure && shaped.last().is_some_and(|last| last == ">");
            if is_change && shaped.len() > 1 && shaped[shaped.len() - 2] == "N" {
                shaped.pop();
            } else if is_figure && !is_version(word) {
                shaped.push("N".to_owned());
            } else {
                shaped.push(word.to_owned());
            }
        }
        let line = shaped.join(" ");
        let is_passing = ["verifying ", "warming ", "rehearsing N of "].iter().any(|step| line.starts_with(step));
        if !line.is_empty() && !is_passing {
            lines.push(line.replace(" draining stopped ", " ended stopped "));
        }
    }
    lines
}

fn is_version(word: &str) -> bool {
    word.split('.').count() == 3
}
