//! Grants as a person reads them.

use troupe_core::grant::{Change, GrantKey};
use troupe_core::view::{
    Authority, ExplainedLine, Explanation, GrantLine, GrantsDiff, GrantsView, KeyExplanation, Standing,
};

use crate::human::table;

pub(super) fn view(view: &GrantsView) -> String {
    let mut out = format!("{} {}, epoch {}, grants revision {}\n", view.agent, view.serving, view.epoch, view.revision);
    if view.lines.is_empty() {
        out.push_str("asks for nothing and is granted nothing");
        return out;
    }
    let row = |line: &GrantLine| {
        let yes = |there: bool| if there { "yes" } else { "-" }.to_owned();
        let in_force = match line.standing {
            Standing::Whole => "whole",
            Standing::Part => "in part",
            Standing::NotGranted | Standing::NotAsked => "-",
        };
        vec![line.line.to_string(), yes(line.asked.is_some()), yes(line.granted.is_some()), in_force.to_owned()]
    };
    out.push_str(&table(&["line", "asked", "granted", "in force"], &view.lines.iter().map(row).collect::<Vec<_>>()));
    let in_force = view.lines.iter().filter_map(|line| line.in_force.as_deref());
    section(&mut out, "in force", in_force.map(ToOwned::to_owned));
    let missing = view.lines.iter().filter(|line| matches!(line.standing, Standing::NotGranted | Standing::Part));
    let missing = missing.map(|line| with_command(&view.agent, &line.line, line.asked.as_deref().unwrap_or_default()));
    section(&mut out, "asked for and not granted, or not whole", missing);
    let ahead = view.lines.iter().filter(|line| line.standing == Standing::NotAsked);
    section(&mut out, "granted and not asked for", ahead.filter_map(|line| line.granted.clone()));
    out
}

pub(super) fn diff(diff: &GrantsDiff, release: Option<&semver::Version>) -> String {
    let after = release.map_or_else(|| "the other".to_owned(), ToString::to_string);
    let mut out = match (diff.wider, diff.narrower) {
        (false, false) => format!("{after} allows exactly what is in force for {}\n", diff.agent),
        (true, false) => format!("{after} allows more than what is in force for {}\n", diff.agent),
        (false, true) => format!("{after} allows less than what is in force for {}\n", diff.agent),
        (true, true) => {
            format!("{after} allows more in some, less in other than what is in force for {}\n", diff.agent)
        }
    };
    for line in &diff.lines {
        let mark = match line.change {
            Change::Same => "  same     ",
            Change::Wider => "+ wider    ",
            Change::Narrower => "- narrower ",
            Change::Other => "~ other    ",
        };
        out.push_str(&format!("{mark} {}\n", line.line));
        let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        if line.change != Change::Same {
            out.push_str(&format!("    now   {}\n    then  {}\n", told(&line.before), told(&line.after)));
        }
    }
    out
}

pub(super) fn authority(authority: &Authority) -> String {
    let mut out = format!("{} at epoch {} may", authority.agent, authority.epoch);
    if authority.lines.is_empty() {
        out.push_str(" compute, log and answer, and nothing else\n");
    } else {
        out.push('\n');
    }
    for line in &authority.lines {
        let (asks, grants) = (names(&line.manifest), names(&line.operator));
        out.push_str(&format!("  {}\n    manifest: {asks}\n    operator: {grants}\n", line.text));
    }
    let missing = authority.not_granted.iter().map(|line| with_command(&authority.agent, &line.line, &line.text));
    section(&mut out, "asked for and not granted, or not whole", missing);
    section(&mut out, "granted and not asked for", authority.not_asked.iter().map(|line| line.text.clone()));
    out
}

pub(super) fn explanation(explanation: &Explanation) -> String {
    let verdict = if explanation.allowed { "allowed" } else { "denied" };
    let mut out = format!("{verdict}: {} by {}\n", explanation.call, explanation.agent);
    if let (Some(refusal), Some(code)) = (&explanation.refusal, &explanation.code) {
        out.push_str(&format!("  {refusal} [{code}]\n"));
    }
    if let Some(effect) = explanation.effect {
        let credential = explanation.credential.as_ref().map(|name| format!(", as {name}")).unwrap_or_default();
        out.push_str(&format!("  a call of class {effect}{credential}\n"));
    }
    key(&mut out, "manifest", "asks for it", &explanation.manifest);
    key(&mut out, "operator", "grants it", &explanation.operator);
    if let Some(next) = &explanation.next {
        out.push_str(&format!("next: {next}\n"));
    }
    out
}

fn key(out: &mut String, name: &str, turns: &str, key: &KeyExplanation) {
    match &key.missing {
        Some(missing) => out.push_str(&format!("{name}: no, {missing}\n")),
        None => out.push_str(&format!("{name}: {turns}\n")),
    }
    for ExplainedLine { line, text } in &key.lines {
        out.push_str(&format!("  {line}  {text}\n"));
    }
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        out.push_str(&format!("\n{title}\n"));
    }
    for line in lines {
        out.push_str(&format!("  {line}\n"));
    }
}

fn with_command(agent: &str, line: &GrantKey, text: &str) -> String {
    format!("{text}\n    troupe grant add {agent} {line}")
}

fn names(keys: &[GrantKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
