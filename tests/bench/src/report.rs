//! The table and the file.

use serde_json::json;

/// One figure.
#[derive(Debug)]
pub struct Row {
    /// The figure's name in PROMISES.md, with a letter where it has parts.
    pub id: &'static str,
    /// What was measured.
    pub what: &'static str,
    /// Our median, in `unit`.
    pub value: f64,
    /// The unit of both.
    pub unit: &'static str,
    /// The reference's median, where there is one.
    pub reference: Option<f64>,
    /// What is promised, where something is.
    pub target: Option<Target>,
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// At most so many times the reference.
    Times(f64),
    /// At most so many times the reference, and so much more on top, in the row's unit.
    TimesAndMore(f64, f64),
    /// At least so many times the reference.
    AtLeast(f64),
    /// At most so much more than the reference, in the row's unit.
    More(f64),
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.reference.map(|reference| self.value / reference)
    }

    fn difference(&self) -> Option<f64> {
        self.reference.map(|reference| self.value - reference)
    }

    fn met(&self) -> Option<bool> {
        match self.target? {
            Target::Times(most) => Some(self.ratio()? <= most),
            Target::TimesAndMore(times, more) => Some(self.value <= self.reference? * times + more),
            Target::AtLeast(least) => Some(self.ratio()? >= least),
            Target::More(most) => Some(self.difference()? <= most),
        }
    }
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::Times(most) => format!("{most} x"),
            Self::TimesAndMore(times, more) => format!("{times} x +{more:.1}"),
            Self::AtLeast(least) => format!(">={least} x"),
            Self::More(most) => format!("+{most}"),
        }
    }
}

/// Prints the figures for a person.
pub fn print(rows: &[Row]) {
    println!(
        "{:<5} {:>10} {:>10} {:<4} {:>7} {:>9} {:>11}  {:<4} what",
        "id", "ours", "reference", "", "ratio", "more", "target", "met"
    );
    for row in rows {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        let met = row.met().map_or("-", |met| if met { "yes" } else { "NO" });
        println!(
            "{:<5} {:>10.2} {:>10} {:<4} {:>7} {:>9} {:>11}  {met:<4} {}",
            row.id,
            row.value,
            number(row.reference),
            row.unit,
            number(row.ratio()),
            number(row.difference()),
            row.target.map_or_else(|| "-".to_owned(), Target::text),
            row.what
        );
    }
}

/// Writes the figures for programs to `target/bench/summary.json`.
pub fn write(rows: &[Row]) -> std::io::Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "what": row.what, "value": row.value, "unit": row.unit,
                "reference": row.reference, "ratio": row.ratio(), "difference": row.difference(),
                "target": row.target.map(Target::text), "met": row.met(),
            })
        })
        .collect();
    let dir = crate::guest::workspace().join("target/bench");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("summary.json"), serde_json::to_string_pretty(&rows)?)
}

/// The middle of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
