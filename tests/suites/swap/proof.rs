//! What a run under load leaves: its raw data, a plot, and a summary.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::register::{Change, Read, contradictions};

/// Points that a plot has room for, beside those of requests that took so long or went wrong.
const POINTS_MAX: usize = 10_000;
const SLOW: Duration = Duration::from_millis(100);

/// One request.
pub struct Request {
    /// When it should have been sent, from the beginning of the run.
    pub at: Duration,
    /// When it was, from there as well.
    pub begun: Duration,
    /// How long after it should have been sent it was answered.
    pub took: Duration,
    /// The version that answered, if body, record and header agree on it.
    pub version: Option<String>,
    /// Whether its task failed, or the connection on which it was asked.
    pub failed: bool,
    /// Whether it was refused.
    pub refused: bool,
}

/// A run: a quiet part, then one with swaps.
pub struct Run {
    /// Its requests.
    pub requests: Vec<Request>,
    /// Its swaps.
    pub swaps: Vec<Change>,
    /// How long the quiet part is.
    pub quiet: Duration,
    /// Tasks that no request asked for.
    pub duplicated: usize,
}

impl Run {
    /// What requests show that no order of swaps and requests explains. `first` serves before all.
    pub fn contradictions(&self, first: &str) -> Vec<String> {
        let mut reads = Vec::new();
        for Request { at, begun, took, version, .. } in &self.requests {
            reads.extend(version.as_deref().map(|version| Read { begun: *begun, answered: *at + *took, version }));
        }
        contradictions(first, &self.swaps, &reads)
    }

    /// The numbers that count.
    pub fn summary(&self) -> Value {
        let count = |which: fn(&Request) -> bool| self.requests.iter().filter(|request| which(request)).count();
        json!({
            "swaps": self.swaps.len(),
            "requests": self.requests.len(),
            "failed": count(|request| request.failed),
            "refused": count(|request| request.refused),
            "duplicated": self.duplicated,
            "stale": self.contradictions("1.0.0").len(),
            "mixed": count(|request| !request.failed && !request.refused && request.version.is_none()),
            "p99_ms": self.p99(|request, quiet| request.at >= quiet),
            "p99_without_swaps_ms": self.p99(|request, quiet| request.at < quiet),
        })
    }

    fn p99(&self, which: fn(&Request, Duration) -> bool) -> f64 {
        let mut took: Vec<Duration> =
            self.requests.iter().filter(|request| which(request, self.quiet)).map(|request| request.took).collect();
        took.sort_unstable();
        let p99 = took.get(took.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
        (p99.as_secs_f64() * 1e5).round() / 100.0
    }

    fn rows(&self) -> String {
        let mut rows = "at_ms,begun_ms,took_ms,version,failed,refused\n".to_owned();
        for Request { at, begun, took, version, failed, refused } in &self.requests {
            let [at, begun, took] = [at, begun, took].map(|time| time.as_secs_f64() * 1e3);
            let version = version.as_deref().unwrap_or_default();
            writeln!(rows, "{at:.3},{begun:.3},{took:.3},{version},{failed},{refused}").expect("room");
        }
        rows
    }

    /// Latency over time, a point for each request or for one of several, a line for each swap. The
    /// scale of latency is logarithmic, from 0.1 ms to 10 s.
    fn plot(&self) -> String {
        const WIDTH: f64 = 1_200.0;
        const HEIGHT: f64 = 400.0;
        let end = self.requests.iter().map(|request| request.at).max().unwrap_or_default().as_secs_f64().max(1.0);
        let x = |at: Duration| at.as_secs_f64() / end * WIDTH;
        let y = |took: Duration| HEIGHT - ((took.as_secs_f64().max(1e-4) / 1e-4).log10() / 5.0 * HEIGHT).min(HEIGHT);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-60 -20 {} {}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect x=\"0\" y=\"0\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\"/>\n",
            WIDTH + 80.0,
            HEIGHT + 60.0
        );
        for swap in &self.swaps {
            let x = x(swap.answered);
            writeln!(svg, "<path d=\"M{x:.1} 0V{HEIGHT}\" stroke=\"#ddd\" stroke-width=\"0.5\"/>").expect("room");
        }
        let of_each = self.requests.len() / POINTS_MAX + 1;
        for (number, request) in self.requests.iter().enumerate() {
            if number % of_each != 0 && request.version.is_some() && request.took < SLOW {
                continue;
            }
            let colour = match request.version.as_deref() {
                Some("1.0.0") => "#3366cc",
                Some(_) => "#22aa66",
                None => "#cc0000",
            };
            let (x, y) = (x(request.at), y(request.took));
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.2\" fill=\"{colour}\"/>").expect("room");
        }
        for (ms, label) in [(1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1_000, "1 s")] {
            let y = y(Duration::from_millis(ms));
            writeln!(svg, "<text x=\"-8\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>").expect("room");
        }
        let text = "latency from when a request should have been sent; blue 1.0.0, green 2.0.0, a line for each swap";
        let points = format!("a point for one of {of_each} requests and for each that took {SLOW:?} or went wrong");
        let label = format!("{text}; {points}; {end:.0} s in all");
        writeln!(svg, "<text x=\"0\" y=\"{}\">{label}</text>\n</svg>", HEIGHT + 25.0).expect("room");
        svg
    }
}

/// Writes the raw data, the plot and the summary.
pub fn write(run: &Run, dir: &Path) {
    std::fs::create_dir_all(dir).expect("a directory");
    let put = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("room for it");
    put("requests.csv", run.rows());
    let swap = |Change { asked, answered, version }: &Change| {
        let [asked, answered] = [asked, answered].map(|time| time.as_secs_f64() * 1e3);
        format!("{asked:.3},{answered:.3},{version}\n")
    };
    let swaps: String = run.swaps.iter().map(swap).collect();
    put("swaps.csv", format!("asked_ms,answered_ms,version\n{swaps}"));
    put("latency.svg", run.plot());
    put("summary.json", format!("{:#}\n", run.summary()));
}
