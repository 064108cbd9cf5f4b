//! Query strings and form bodies, read so that no two readers can disagree.

use percent_encoding::percent_decode_str;

/// Names and values in their order, unescaped.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `a=1&b=2`. None if a name or value is not UTF-8, or if a bare `;` is there,
    /// which some servers take for `&`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.contains([';', '#']) {
            return None;
        }
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Self)
    }

    /// The pairs.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of `name` in any spelling of its letters. A reader that ignores case
    /// would take them for the same.
    pub(super) fn like<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs().filter(move |(key, _)| key.trim().eq_ignore_ascii_case(name))
    }

    /// Reports whether the request carries a signature in its query, which would be read
    /// instead of the host's.
    pub(super) fn is_presigned(&self) -> bool {
        const SIGNED: [&str; 9] = [
            "x-amz-algorithm",
            "x-amz-credential",
            "x-amz-date",
            "x-amz-expires",
            "x-amz-security-token",
            "x-amz-signature",
            "x-amz-signedheaders",
            "awsaccesskeyid",
            "signature",
        ];
        self.pairs().any(|(name, _)| SIGNED.iter().any(|signed| name.trim().eq_ignore_ascii_case(signed)))
    }
}

fn unescape(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
