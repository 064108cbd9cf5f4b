//! What a bill comes to: sums that agree, where costs are going, and what is odd.
//!
//! ```text
//! rows of a bill ─▶ Ledger ─┬─ trend     trend and forecast of the month
//!           (days × keys)   ├─ changes   the last days against those before
//!                           ├─ anomaly   days that are odd
//!                           └─ Bill      sums
//! ```
//!
//! How a cloud is asked for its bill is its agent's. Sums are made of what is told row by row, so they always agree;
//! amounts of two currencies are never added.

mod anomaly;
mod bill;
mod changes;
mod ledger;
mod period;
mod terms;
mod trend;

pub use anomaly::find as anomalies;
pub use bill::{Bill, Breakdown, Day, Month, Omitted, Rest, Row, Thing};
pub use changes::Change;
pub use ledger::Ledger;
pub use period::{Period, day_of};
pub use terms::{Bounds, Terms, Wishes};
pub use trend::{Direction, Forecast, Trend};
