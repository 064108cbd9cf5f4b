//! Which lines lead past what a tenant has to itself: into the host's machine and network.
//!
//! The attack: whoever operates one tenant grants its agent `/home/someone/.ssh`, or a name
//! that points at a service inside the operator's network, and reads there what no tenant
//! may. The rule: a directory of the machine, an address, and a host that may be private
//! belong to whoever owns the machine, who alone hands out leave to grant them. The
//! default: what a tenant may grant itself is public, or the host's to keep for it.

use super::{GrantKey, Grants, Place};

impl Grants {
    /// Returns the address of a line by which `self` reaches more of the host's machine or
    /// network than `before` does; none if there is none.
    pub fn reaches_beyond(&self, before: &Self) -> Option<GrantKey> {
        let (reaching, before) = (self.of_machine(), before.of_machine());
        reaching.keys().into_iter().find(|key| reaching.only(key).is_wider_than(&before))
    }

    /// The lines that lead there. A directory that is anybody's to name is none of them, and
    /// so allows none: nobody has named it.
    fn of_machine(&self) -> Self {
        let http = self.http.iter().filter(|grant| grant.private || grant.host.address().is_some());
        let files = self.files.iter().filter(|grant| matches!(grant.path, Place::At(_)));
        Self { http: http.cloned().collect(), files: files.cloned().collect(), ..Self::default() }
    }
}
