//! The operator's session that `README.md` shows, typed once more: each command says what stands there,
//! but for names, times and figures. With `--nocapture` it prints the session as it went.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use troupe_tests::command::run_on;
use troupe_tests::{Client, guests, redacted, root};

use crate::{PROGRAM, empty_host};

const SECTION: &str = "\n## A release on its way to traffic\n";

/// Calls that are under way at once.
const CALLERS: usize = 4;

/// Calls on record before the session begins: more than its longest rehearsal repeats.
const RECORDED: u64 = 520;

/// The commands of a session and what each of them said.
fn session(text: &str) -> Vec<(String, String)> {
    let (_, section) = text.split_once(SECTION).expect("the section");
    let (_, block) = section.split_once("\n```text\n").expect("a session");
    let (block, _) = block.split_once("\n```\n").expect("its end");
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ troupe "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, said))) => said.extend([line, "\n"]),
            (None, None) => panic!("the session begins with `{line}`"),
        }
    }
    commands
}

/// The words of a command, as a shell reads them.
fn words(command: &str) -> Vec<String> {
    let quoted = command.split('"').enumerate();
    let words = quoted.flat_map(|(at, part)| {
        let is_quoted = at % 2 == 1;
        let separate = move |letter: char| !is_quoted && letter == ' ';
        part.split(separate).map(str::to_owned).collect::<Vec<_>>()
    });
    words.filter(|word| !word.is_empty()).collect()
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

/// Calls of `trial` go on until this is dropped.
struct Callers {
    is_over: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
}

impl Callers {
    fn begin(client: &Client) -> Self {
        let callers = Self { is_over: Arc::default(), made: Arc::default() };
        for _ in 0..CALLERS {
            let (client, is_over, made) = (client.clone(), callers.is_over.clone(), callers.made.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    client.run("trial", "work", json!({ "number": number })).await.of(200);
                }
            });
        }
        callers
    }

    async fn have_made(&self, calls: u64) {
        while self.made.load(Ordering::Relaxed) < calls {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_of_an_operator_goes_as_the_readme_shows_it() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let trial = &guests().trial;
    let host = empty_host().await;
    let client = host.client();
    client.publish(trial.archive("1.0.0")).await.of(201);
    client.swap("trial", "1.0.0").await.of(200);
    let next = trial.configured(&json!({ "ms": 40 })).asking(json!({ "state": { "bytes": "1 MiB", "keys": 100 } }));
    std::fs::write(host.dir().join("trial.tar"), next.archive("1.1.0")).unwrap();
    let callers = Callers::begin(&client);
    callers.have_made(RECORDED).await;

    let (mut delta, mut went) = (String::new(), String::new());
    let mut differences = Vec::new();
    for (command, shown) in session(&text) {
        let mut words = words(&command);
        // A folder is built first, which takes a compiler: what it makes is at hand.
        if let [verb, agent, ..] = &mut words[..]
            && verb == "publish"
        {
            agent.push_str(".tar");
        }
        if let Some(at) = words.iter().position(|word| word == "--delta") {
            words[at + 1].clone_from(&delta);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = run_on(PROGRAM, &host, &words).await;
        let said = format!("{}{}", said.err, said.out);
        if let Some((_, digest)) = said.split_once("--delta ") {
            delta = digest.split('`').next().unwrap_or_default().trim().to_owned();
            delta.truncate("sha256:".len() + 64);
        }
        let typed = words.join(" ").replace("trial.tar", "trial");
        went.push_str(&format!("$ troupe {typed}\n{said}"));
        if shape(&shown) != shape(&said) {
            differences.push(format!("`troupe {command}`\nshown: {:#?}\nsaid: {:#?}", shape(&shown), shape(&said)));
        }
    }
    drop(callers);
    println!("{went}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
