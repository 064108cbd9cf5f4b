//! What a swap changes of a route.

/// A change of the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteMove {
    /// The candidate has this share of affinity keys, in percent.
    Try(u8),
    /// The candidate serves.
    Promote,
    /// There is no candidate any more.
    Drop,
    /// The release before serves.
    Restore,
}

impl RouteMove {
    /// Whether it takes calls from the candidate. What takes them away does not wait.
    pub(crate) const fn is_back(self) -> bool {
        matches!(self, Self::Drop | Self::Restore)
    }
}
