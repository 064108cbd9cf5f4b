//! Keys as text: RFC 7468, one block in a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest text of a key. Ours have under 200 bytes, those of P-256 under 300.
const BYTES_MAX: usize = 4 * 1024;

/// Writes `der` as the block `label`.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            out.push('\n');
        }
        out.push(digit);
    }
    out.push_str(&format!("\n-----END {label}-----\n"));
    out
}

/// The label of the block that `text` begins with.
pub(super) fn label(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix("-----BEGIN ")?.split_once("-----").map(|(label, _)| label)
}

/// Reads the block `label`, with nothing around it but white space.
pub(super) fn read(label: &str, text: &str) -> Option<Vec<u8>> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let body = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body: String = body.strip_suffix(&format!("-----END {label}-----"))?.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_back_and_a_broken_one_does_not() {
        let der: Vec<u8> = (0..100).collect();
        let text = write("PUBLIC KEY", &der);
        assert_eq!(read("PUBLIC KEY", &text), Some(der));
        assert_eq!(label(&text), Some("PUBLIC KEY"));
        for broken in
            [text.replace("END", "ENDE"), text.replace('A', "*"), format!("{text}x"), text.replace("PUBLIC", "PRIVATE")]
        {
            assert_eq!(read("PUBLIC KEY", &broken), None, "{broken}");
        }
    }
}
