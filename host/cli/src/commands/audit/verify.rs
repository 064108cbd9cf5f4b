//! `troupe audit verify`: follows the chain from its first record to its last.
//!
//! Every hash is recomputed here from what the record says, so a host that lies about its own
//! chain has to lie in all of it. Such a host, or whoever can write its database, may also have
//! made the whole chain anew, or cut its tail together with its head: a head that was noted
//! elsewhere shows both.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use troupe_core::audit::{Broken, Chain};
use troupe_core::view::{AuditHead, AuditJournal, AuditRecord, JournalState, Page};
use troupe_core::{Code, Error, Result, limits};

use super::{PATH, whose};
use crate::args::{Args, AuditOf};
use crate::client::{Client, segment};
use crate::output;

/// What was found out.
#[derive(Debug, Serialize)]
struct Verdict {
    tenant: String,
    /// Whether the chain holds, and every journal that is whole is what it was.
    whole: bool,
    /// Records that were followed.
    records: u64,
    /// The newest of them, as `SEQ:HASH`.
    head: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<Break>,
    journals: Journals,
}

/// Where the chain breaks first.
#[derive(Debug, Serialize)]
struct Break {
    seq: u64,
    what: String,
}

/// What became of the journals that records tell of.
#[derive(Debug, Default, Serialize)]
struct Journals {
    matches: u64,
    differs: u64,
    dropped: u64,
    redacted: u64,
    /// Those that differ, each as the record and the attempt that it is about.
    different: Vec<String>,
}

pub(super) async fn run(args: &Args, client: &Client, noted: Option<&AuditHead>, of: &AuditOf) -> Result<ExitCode> {
    let head: AuditHead = client.query(&format!("{PATH}/head"), &whose(of)).await?;
    let bar = bar(head.seq);
    let mut chain = Chain::new(&head.tenant.parse()?);
    let mut journals = Checker { client, of, last: None, journals: Journals::default() };
    let broken = follow(client, of, &mut chain, &head, noted, &mut journals, &bar).await?;
    bar.finish_and_clear();
    let journals = journals.journals;
    let verdict = Verdict {
        whole: broken.is_none() && journals.differs == 0,
        records: chain.head().seq,
        head: chain.head().to_string(),
        tenant: head.tenant,
        broken: broken.map(|broken| Break { seq: broken.seq(), what: broken.to_string() }),
        journals,
    };
    output::answer(args.json, &verdict, |verdict| text(verdict, noted.is_some()))?;
    Ok(if verdict.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Follows the chain to its end, or to where it breaks.
async fn follow(
    client: &Client,
    of: &AuditOf,
    chain: &mut Chain,
    head: &AuditHead,
    noted: Option<&AuditHead>,
    journals: &mut Checker<'_>,
    bar: &ProgressBar,
) -> Result<Option<Broken>> {
    loop {
        let mut query = whose(of);
        query.extend([("after", chain.head().seq.to_string()), ("limit", limits::PAGE_MAX.to_string())]);
        let page: Page<AuditRecord> = client.query(PATH, &query).await?;
        for record in &page.items {
            let followed = chain.follow(record);
            let held = followed
                .and_then(|()| std::iter::once(head).chain(noted).try_for_each(|noted| chain.hold_against(noted)));
            if let Err(broken) = held {
                return Ok(Some(broken));
            }
            journals.check(record).await?;
            bar.inc(1);
        }
        if page.next.is_none() || page.items.is_empty() {
            break;
        }
    }
    Ok(std::iter::once(head).chain(noted).try_for_each(|noted| chain.reaches(noted)).err())
}

/// Holds journals against what records say of them.
struct Checker<'a> {
    client: &'a Client,
    of: &'a AuditOf,
    /// The attempt that was looked at last: records of one stand together.
    last: Option<(String, String)>,
    journals: Journals,
}

impl Checker<'_> {
    async fn check(&mut self, record: &AuditRecord) -> Result<()> {
        let (Some(digest), Some(task)) = (&record.journal, &record.task) else { return Ok(()) };
        let attempt = record.attempt.unwrap_or_default().to_string();
        let this = (task.clone(), format!("{attempt} {digest}"));
        if self.last.as_ref() == Some(&this) {
            return Ok(());
        }
        self.last = Some(this);
        let mut query = whose(self.of);
        query.push(("attempt", attempt.clone()));
        let found: Result<AuditJournal> =
            self.client.query(&format!("{PATH}/journals/{}", segment(task)), &query).await;
        // A chain that was made anew may say anything.
        let (journals, shown) = (&mut self.journals, task.escape_default());
        match found {
            Ok(found) => match found.state {
                JournalState::Dropped => journals.dropped += 1,
                JournalState::Redacted => journals.redacted += 1,
                JournalState::Whole if found.digest.is_some_and(|found| found.to_string() == *digest) => {
                    journals.matches += 1;
                }
                JournalState::Whole | JournalState::Damaged => {
                    journals.differs += 1;
                    journals.different.push(format!("record {}: task {shown}, attempt {attempt}", record.seq));
                }
            },
            // Tasks are never removed.
            Err(error) if error.code == Code::TaskNotFound => {
                journals.differs += 1;
                journals.different.push(format!("record {}: there is no task {shown}", record.seq));
            }
            Err(error) => return Err(Error::context(error, format!("the journal of task {task}"))),
        }
        Ok(())
    }
}

fn text(verdict: &Verdict, was_noted: bool) -> String {
    let Verdict { tenant, records, head, broken, journals, .. } = verdict;
    let count = if *records == 1 { "1 record".to_owned() } else { format!("{records} records") };
    let mut text = match broken {
        None if verdict.whole => format!("the audit of {tenant} is whole: {count}\n"),
        None => format!("the chain of {tenant} is whole, and a journal is NOT what it says: {count}\n"),
        Some(broken) => format!("the audit of {tenant} is BROKEN: {}\n", broken.what),
    };
    let Journals { matches, differs, dropped, redacted, different } = journals;
    text.push_str(&format!("journals  {matches} match, {differs} differ, {dropped} dropped, {redacted} redacted\n"));
    for one in different {
        text.push_str(&format!("  {one}: its journal is not what it was when the task ended\n"));
    }
    text.push_str(&format!("head      {head}\n"));
    if verdict.whole && !was_noted {
        text.push_str("keep the head elsewhere: `troupe audit verify --head SEQ:HASH` sees by it whether records after it were cut off\n");
    }
    text
}

fn bar(records: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(records);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {percent:>3}% record {pos} of {len}") {
        bar.set_style(style);
    }
    bar
}
