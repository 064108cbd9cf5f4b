//! Where costs are going: a trend, and what the month will come to.
//!
//! The method is ours and simple, so that anybody can follow it:
//!
//! 1. Only settled days are looked at, the last eight weeks of them, and at least two.
//! 2. The *slope* is the median of the slopes between all pairs of days (Theil and Sen), in
//!    money per day and day. A few odd days, such as those of yearly fees, do not move it.
//! 3. What is *usual* on a weekday is the median of that weekday's amounts, after the slope is
//!    taken off. So weekends that cost less are no error of the forecast.
//! 4. A day to come is expected to cost what is usual on its weekday, and the slope times its
//!    distance from the middle of the weeks looked at; never less than nothing.
//! 5. The month comes to what its settled days cost and what the others are expected to.
//!    Charges that come once a month are in it if their day is settled.
//! 6. `low` and `high` hold the month's end in eight of ten months, were the days' errors
//!    independent and normal: 1.2816 times their deviation (1.4826 times the median distance
//!    of the days looked at from step 4) times the root of the number of days to come.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::ledger::Ledger;
use super::period::{day_after, days_between};
use crate::Amount;
use crate::statistics::{deviation, median, slope};

/// Most and fewest days that are looked at: whole weeks.
const DAYS_MAX: usize = 56;
const DAYS_MIN: usize = 14;

/// The share of what is usual by which a trend must move it, over the days looked at, to be
/// one.
const LEVEL: f64 = 0.05;

/// How many deviations from the middle hold eight of ten values of a normal distribution.
const EIGHT_OF_TEN: f64 = 1.281_551_6;

/// Whether costs rise or fall.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    /// `rising` or `falling` if they move by a twentieth over the days looked at, else
    /// `level`.
    pub direction: Direction,
    /// By how much a day costs more than the one before.
    pub per_day: Amount,
    /// What is usual on a day, in the middle of the days looked at.
    pub usual_day: Amount,
    /// How many days were looked at.
    pub days: usize,
}

/// Where costs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up.
    Rising,
    /// Nowhere.
    Level,
    /// Down.
    Falling,
}

/// What a month will come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Forecast {
    /// The month, such as `2026-11`.
    pub month: String,
    /// What its settled days cost.
    pub so_far: Amount,
    /// How many days are expected.
    pub days_to_come: usize,
    /// What the month will come to.
    pub expected: Amount,
    /// What eight of ten such months come to at least …
    pub low: Amount,
    /// … and at most.
    pub high: Amount,
}

/// What is usual by weekday, and how it moves.
#[derive(Debug)]
pub struct Line {
    slope: f64,
    middle: f64,
    usual: [f64; 7],
    deviation: f64,
    days: usize,
}

impl Line {
    /// Draws the line through the last settled days; the error says why there is none.
    pub fn through(ledger: &Ledger) -> Result<Self, String> {
        let mut points = ledger.settled(&ledger.by_day());
        points.drain(..points.len().saturating_sub(DAYS_MAX));
        let days = points.len();
        if days < DAYS_MIN {
            return Err(format!("{days} settled days are known, and it takes {DAYS_MIN}"));
        }
        let at: Vec<(f64, f64)> = points.iter().map(|(place, value)| (number(*place), *value)).collect();
        let slope = slope(&at).unwrap_or_default();
        let middle = median(&at.iter().map(|(x, _)| *x).collect::<Vec<f64>>()).unwrap_or_default();
        let flat = |(x, y): &(f64, f64)| y - slope * (x - middle);
        let weekday = |place: usize| place_of(ledger.period.day(place));
        let mut usual = [0.0; 7];
        let whole = median(&at.iter().map(flat).collect::<Vec<f64>>()).unwrap_or_default();
        for (number, usual) in usual.iter_mut().enumerate() {
            let days = points.iter().zip(&at).filter(|((place, _), _)| weekday(*place) == number);
            *usual = median(&days.map(|(_, at)| flat(at)).collect::<Vec<f64>>()).unwrap_or(whole);
        }
        let mut line = Self { slope, middle, usual, deviation: 0.0, days };
        let expected = |(place, value): &(usize, f64)| value - line.on(ledger.period.day(*place), *place);
        line.deviation = deviation(&points.iter().map(expected).collect::<Vec<f64>>(), 0.0);
        Ok(line)
    }

    /// What is expected on a day.
    fn on(&self, day: Date, place: usize) -> f64 {
        let usual = self.usual.get(place_of(day)).copied().unwrap_or_default();
        usual + self.slope * (number(place) - self.middle)
    }

    /// Says where costs go.
    pub fn trend(&self) -> Option<Trend> {
        let usual = self.usual.iter().sum::<f64>() / 7.0;
        let moves = self.slope * number(self.days);
        let direction = if moves.abs() <= usual.abs() * LEVEL {
            Direction::Level
        } else if moves > 0.0 {
            Direction::Rising
        } else {
            Direction::Falling
        };
        let (per_day, usual_day) = (Amount::new(self.slope)?, Amount::new(usual)?);
        Some(Trend { direction, per_day, usual_day, days: self.days })
    }

    /// Says what the month will come to that the first day lies in which is not settled; the
    /// error says why not.
    pub fn forecast(&self, ledger: &Ledger) -> Result<Forecast, String> {
        let period = ledger.period;
        if period.settled == period.to {
            return Err("the report ends before today".to_owned());
        }
        if ledger.days_untold() > 0 {
            return Err("some days were not told of".to_owned());
        }
        let month = period.settled;
        let (first, end) = (month.first_of_month(), day_after(month.last_of_month(), 1));
        if first < period.from {
            return Err(format!("the report begins on {}, within the month", period.from));
        }
        let so_far: Amount =
            ledger.by_day().into_iter().take(period.settled_days()).skip(days_between(period.from, first)).sum();
        let to_come = days_between(month, end);
        let settled = period.settled_days();
        let ahead = (settled..settled + to_come).map(|place| self.on(period.day(place), place).max(0.0)).sum::<f64>();
        let band = EIGHT_OF_TEN * self.deviation * number(to_come).sqrt();
        let sum = |value: f64| Amount::new(value).map(|value| so_far + value);
        let (Some(expected), Some(low), Some(high)) = (sum(ahead), sum((ahead - band).max(0.0)), sum(ahead + band))
        else {
            return Err("the amounts are beyond all measure".to_owned());
        };
        let name = month.strftime("%Y-%m").to_string();
        Ok(Forecast { month: name, so_far, days_to_come: to_come, expected, low, high })
    }
}

fn place_of(day: Date) -> usize {
    usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "days of a few years")]
const fn number(count: usize) -> f64 {
    count as f64
}
