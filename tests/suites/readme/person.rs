//! The minute with a session: agents asked in words, a group of three of them, and an approval.
//!
//! AWS is moto, which is found on the path. Where it is not, the suite is left out and says so.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Child;
use troupe_tests::command::{command_on, ended, run_on};
use troupe_tests::{Host, guests, root};

use super::{session, shape, words};
use crate::PROGRAM;
use crate::aws::moto::Moto;
use crate::aws::{STRANGER, agent_host};

const SECTION: &str = "A minute with a session";

/// Longest until the group waits for its approval, or ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the command line says may be of any step that is under way, as it comes to be looked at.
fn settled(said: &str) -> Vec<String> {
    let passing = |line: &String| line.starts_with("running ") || line.contains("% ");
    seen(said).into_iter().filter(|line| !passing(line)).collect()
}

/// The JSON document that stands in the section.
fn document() -> String {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = text.split_once(&format!("\n## {SECTION}\n")).unwrap();
    let (_, document) = section.split_once("\n```json\n").unwrap();
    document.split_once("\n```\n").unwrap().0.to_owned()
}

/// A host with the three agents, and an account with a volume in it.
async fn furnished(moto: &Moto) -> Host {
    let volume =
        [("Action", "CreateVolume"), ("Version", "2016-11-15"), ("Size", "20"), ("AvailabilityZone", "eu-west-1a")];
    let volume: Vec<_> = volume.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    moto.query("ec2", "eu-west-1", &volume).await;
    let mut host = agent_host(moto, STRANGER);
    host.start().await;
    let client = host.client();
    for guest in [&guests().echo, &guests().counter] {
        client.publish(guest.archive("1.0.0")).await.of(201);
        client.swap(guest.manifest.name.as_str(), "1.0.0").await.of(200);
    }
    let grants = json!({ "state": { "bytes": 1 << 20, "keys": 100 } });
    client.put("/api/v1/deployments/counter/grants", &json!({ "grants": grants })).await.of(200);
    host
}

/// The ids of a text, in order.
fn ids(text: &str) -> Vec<String> {
    let word = |word: &&str| word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').filter(word).map(str::to_owned).collect()
}

/// What a command said, without the ids and times that AWS gives.
fn seen(said: &str) -> Vec<String> {
    let name = |word: &str| match word.split_once('-') {
        Some((kind @ ("acl" | "rtb" | "sg" | "subnet" | "vol" | "vpc"), _)) => kind.to_owned(),
        _ if word.starts_with("arn:aws:ec2:") => "ARN".to_owned(),
        _ if word.ends_with('Z') && word.contains('T') && word.starts_with("20") => "TIME".to_owned(),
        _ => word.to_owned(),
    };
    shape(said).iter().map(|line| line.split(' ').map(name).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_minute_with_a_session_goes_as_the_readme_shows_it() {
    let Some(moto) = Moto::start().await else { return };
    let host = furnished(&moto).await;
    std::fs::write(host.dir().join("tidy.json"), document()).unwrap();
    let (mut known, mut background) = (std::collections::HashMap::new(), None);
    let (mut went, mut differences) = (String::new(), Vec::new());
    for (command, shown) in session(SECTION) {
        let words: Vec<String> = words(&command).into_iter().map(|w| known.get(&w).cloned().unwrap_or(w)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = match &words[..] {
            [] if command == "wait" => {
                let (child, before): (Child, String) = background.take().expect("something runs");
                let said = tokio::time::timeout(PATIENCE, ended(child)).await.expect("it never ends");
                assert_eq!(said.code, Some(0), "{said:?}");
                let said = format!("{}{}", said.err, said.out);
                let shown = format!("{before}{shown}");
                if settled(&shown) != settled(&said) {
                    differences.push(format!("the group\nshown: {:#?}\nsaid: {:#?}", settled(&shown), settled(&said)));
                }
                went.push_str(&said);
                continue;
            }
            [] => {
                let (text, file) = command.strip_prefix("echo '").unwrap().split_once("' > ").unwrap();
                std::fs::write(host.dir().join(file), text).unwrap();
                continue;
            }
            [words @ .., "&"] => {
                let mut run = command_on(PROGRAM, &host, words);
                let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
                background = Some((child, shown));
                continue;
            }
            ["approvals"] => {
                let until = Instant::now() + PATIENCE;
                loop {
                    let said = run_on(PROGRAM, &host, &words).await;
                    if said.out.contains("pending") {
                        break said;
                    }
                    assert!(Instant::now() < until, "nothing waits for approval: {said:?}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            words => run_on(PROGRAM, &host, words).await,
        };
        let said = format!("{}{}", said.err, said.out);
        known.extend(ids(&shown).into_iter().zip(ids(&said)));
        went.push_str(&format!("$ troupe {}\n{said}", words.join(" ")));
        if seen(&shown) != seen(&said) {
            differences.push(format!("`{command}`\nshown: {:#?}\nsaid: {:#?}", seen(&shown), seen(&said)));
        }
    }
    println!("{went}");
    assert!(background.is_none() && differences.is_empty(), "{}", differences.join("\n"));
}
