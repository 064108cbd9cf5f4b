//! Bars in SVG.

use std::io::{self, Write};

use super::escape::text;

/// Height of a bar with the space around it, in units of the drawing.
const BAR_HEIGHT: usize = 26;
/// Where bars begin: names stand before.
const NAMES_WIDTH: usize = 190;
/// The length of the longest bar.
const BAR_WIDTH: usize = 300;
/// Room for the numbers after the bars.
const NUMBERS_WIDTH: usize = 90;

/// One bar.
pub struct Bar {
    /// What it counts.
    pub name: String,
    /// How many.
    pub count: u64,
    /// The class of the style sheet that colours it.
    pub style: &'static str,
}

/// Draws bars one below the other, the longest as long as there is room.
pub fn bars(out: &mut impl Write, title: &str, bars: &[Bar]) -> io::Result<()> {
    let (width, height) = (NAMES_WIDTH + BAR_WIDTH + NUMBERS_WIDTH, BAR_HEIGHT * bars.len().max(1));
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or_default().max(1);
    let told: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.name, bar.count)).collect();
    let told = if told.is_empty() { "none".to_owned() } else { told.join(", ") };
    writeln!(
        out,
        "<figure><figcaption>{0}</figcaption><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{0}: {1}\">",
        text(title),
        text(&told),
    )?;
    if bars.is_empty() {
        writeln!(out, "<text x=\"0\" y=\"17\">none</text>")?;
    }
    for (number, bar) in bars.iter().enumerate() {
        let top = number * BAR_HEIGHT;
        #[expect(clippy::cast_precision_loss, reason = "the length of a bar, to a tenth")]
        let length = bar.count as f64 / most as f64 * BAR_WIDTH as f64;
        // What is there is seen, however little it is.
        let length = if bar.count > 0 { length.max(2.0) } else { 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "a place in a drawing of a few hundred units")]
        let end = NAMES_WIDTH as f64 + length + 6.0;
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{NAMES_WIDTH}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\"/>\
             <text x=\"{end:.1}\" y=\"{}\">{}</text>",
            NAMES_WIDTH - 8,
            top + 17,
            text(&shortened(&bar.name)),
            bar.style,
            top + 4,
            BAR_HEIGHT - 8,
            top + 17,
            bar.count,
        )?;
    }
    writeln!(out, "</svg></figure>")
}

/// A name that fits before a bar: of a long one the beginning.
fn shortened(name: &str) -> String {
    const LETTERS_MAX: usize = 28;
    if name.chars().count() <= LETTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(LETTERS_MAX - 1).chain(['…']).collect()
}
