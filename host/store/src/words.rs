//! What hosts of one database tell each other of their commits: that it is worth looking, and where.
//!
//! *The danger:* a host goes by what it was told, and a word is lost, comes twice, or comes from whoever can
//! speak on the channel. *The rule:* a word carries nothing that has to be believed. Whoever hears one looks
//! into the database, which is the record, and looks every second in any case; so a lost word costs a
//! second, and a made up one costs a look. *The default:* PostgreSQL carries them itself (`notify`, sent
//! with the commit it tells of); another carrier takes them from [`Store::said`] and brings them to
//! [`Store::hear`].
//!
//! ```text
//!  a61f…  l b r k  feed acme,zeta
//!  │      │        └ whose feeds or published events have grown; `*` for more than fit
//!  │      └ (l)ocks or waits, the (b)us, (r)outes and swaps, (k)eys have moved
//!  └ whose commit it was
//! ```

use std::collections::BTreeSet;

use tokio::sync::broadcast;
use troupe_core::{Result, TenantId, limits};

use crate::Store;
use crate::fault::Failed;
use crate::sql::query;
use crate::writer::Tx;

/// The channel of PostgreSQL that they go by.
pub(crate) const CHANNEL: &str = "troupe";

/// What goes with no commit begins with this, which no name of a host does.
pub const PASSED: char = '+';

/// What commits have moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The host whose commit it was; empty for nobody in particular.
    pub from: String,
    /// Whose feeds have grown, or who has published events.
    pub feeds: BTreeSet<TenantId>,
    /// Whether more feeds have grown than are named.
    pub all_feeds: bool,
    /// Whether somebody's wait for a lock or another task has ended, or has begun.
    pub locks: bool,
    /// Whether an event of the bus has become due, or a delivery ready.
    pub bus: bool,
    /// Whether a route, a swap, a tenant or an approval policy has changed.
    pub routes: bool,
    /// Whether a key has.
    pub keys: bool,
}

impl Words {
    /// That anything may have moved.
    #[must_use]
    pub fn anything() -> Self {
        Self { all_feeds: true, locks: true, bus: true, routes: true, keys: true, ..Self::default() }
    }

    /// What a batch of writes has moved; nothing if it moved nothing that others ask after.
    pub(crate) fn of(tx: &Tx, from: &str) -> Option<Self> {
        let mut words = Self {
            from: from.to_owned(),
            feeds: tx.events.iter().map(|event| &event.tenant).chain(&tx.published).cloned().collect(),
            all_feeds: false,
            locks: tx.locks_moved,
            bus: tx.bus_moved,
            routes: tx.routes_moved,
            keys: tx.keys_moved,
        };
        let bytes: usize = words.feeds.iter().map(|tenant| tenant.as_str().len() + 1).sum();
        if bytes > limits::WORDS_BYTES_MAX {
            words.feeds.clear();
            words.all_feeds = true;
        }
        let is_something = words.all_feeds || !words.feeds.is_empty() || words.locks || words.bus || words.keys;
        (is_something || words.routes).then_some(words)
    }

    /// Takes in what other words say.
    pub fn join(&mut self, other: Self) {
        self.feeds.extend(other.feeds);
        self.all_feeds |= other.all_feeds;
        self.locks |= other.locks;
        self.bus |= other.bus;
        self.routes |= other.routes;
        self.keys |= other.keys;
    }

    /// Reads words; nothing of what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut words = Self { from: parts.next()?.to_owned(), ..Self::default() };
        while let Some(part) = parts.next() {
            match part {
                "l" => words.locks = true,
                "b" => words.bus = true,
                "r" => words.routes = true,
                "k" => words.keys = true,
                "feed" => match parts.next()? {
                    "*" => words.all_feeds = true,
                    named => words.feeds = named.split(',').map(str::parse).collect::<Result<_, _>>().ok()?,
                },
                _ => return None,
            }
        }
        Some(words)
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.from)?;
        for (_, word) in [(self.locks, "l"), (self.bus, "b"), (self.routes, "r"), (self.keys, "k")]
            .into_iter()
            .filter(|(moved, _)| *moved)
        {
            write!(f, " {word}")?;
        }
        if self.all_feeds {
            return f.write_str(" feed *");
        }
        for (at, tenant) in self.feeds.iter().enumerate() {
            write!(f, "{}{tenant}", if at == 0 { " feed " } else { "," })?;
        }
        Ok(())
    }
}

impl Store {
    /// What other hosts say, from now on. Whoever comes after the rest may have missed some.
    pub fn heard(&self) -> broadcast::Receiver<Words> {
        self.listeners().heard()
    }

    /// What this host's commits have to say to others, from now on.
    pub fn said(&self) -> broadcast::Receiver<Words> {
        self.listeners().said()
    }

    /// Has PostgreSQL carry something that goes with no commit, such as what a guest says while it runs. It begins
    /// with [`PASSED`].
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pass(&self, text: &str) -> Result<()> {
        let sent = query("select pg_notify($1, $2)").bind(CHANNEL).bind(text).execute(&mut self.reader().await?).await;
        sent.map_err(Failed::from)?;
        Ok(())
    }

    /// What hosts say that goes with no commit, from now on.
    pub fn passed(&self) -> broadcast::Receiver<String> {
        self.listeners().passed()
    }

    /// Takes in what came by another carrier.
    pub fn pass_on(&self, text: String) {
        self.listeners().pass_on(text);
    }

    /// Wakes whoever waits here for what has moved.
    pub fn nudge(&self, words: &Words) {
        self.listeners().wake(words);
    }

    /// Takes in what another host says: whoever waits here for what has moved is woken, and looks.
    pub fn hear(&self, words: Words) {
        self.listeners().hear(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_they_were_said() {
        let feeds = ["acme", "zeta"].map(|name| name.parse().unwrap()).into();
        let some = Words { from: "a61f".to_owned(), feeds, locks: true, routes: true, ..Words::default() };
        assert_eq!(some.to_string(), "a61f l r feed acme,zeta");
        let all = Words { from: "a61f".to_owned(), ..Words::anything() };
        assert_eq!(all.to_string(), "a61f l b r k feed *");
        for words in [some, all, Words::default()] {
            assert_eq!(Words::parse(&words.to_string()), Some(words));
        }
    }

    #[test]
    fn what_is_no_word_is_not_heard() {
        for text in ["a61f x", "a61f feed", "a61f feed UPPER CASE", "a61f feed acme,,zeta", "a61f  l"] {
            assert_eq!(Words::parse(text), None, "{text}");
        }
    }
}
