//! The way out: what is accepted has one reading, for this host and for everybody behind it, and what is dialled is
//! of a class that may be.
//!
//! An input is lines: a URL, a pattern of hosts, a prefix of paths, an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use percent_encoding::percent_decode;
use serde_json::json;
use troupe_core::grant::HttpGrant;
use troupe_core::{Code, HostPattern};
use troupe_egress::{AddressPolicy, Authority, Exemption};

use super::is_visible;

/// Words of URLs and addresses.
pub(super) const WORDS: &[&str] = &[
    "http://",
    "https://",
    "@",
    ":80",
    ":443",
    ":0",
    ":65536",
    "[",
    "]",
    "::1",
    "::ffff:",
    "127.0.0.1",
    "0x7f.1",
    "169.254.169.254",
    "2002:a9fe:a9fe::",
    "64:ff9b::",
    "64:ff9b:1::",
    "fd00:ec2::254",
    "xn--",
    ".",
    "..",
    "%2e",
    "%2f",
    "%5c",
    "%25",
    "%252e",
    "%c0%ae",
    "%00",
    "\\",
    "/",
    "//",
    ";",
    "?",
    "#",
    "*.",
    "/*",
    "%2a",
    "%3f",
    "%3b",
    "example.com",
    "ａ",
    "\t",
    "-",
    "_",
    "\n",
];

/// How often a server behind others may unescape a path.
const UNESCAPED_TIMES: usize = 4;

pub(super) fn egress(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, pattern, prefix, address) = (line(), line(), line(), line());
    let uri: Option<Uri> = url.parse().ok();
    let authority = uri.as_ref().and_then(|uri| authority(url, uri));
    of_pattern(pattern, authority.as_ref());
    if let Some(uri) = &uri {
        of_path(prefix, uri.path());
    }
    of_path(prefix, url);
    if let Ok(address) = address.trim().parse::<IpAddr>() {
        of_address(address);
    }
    if let Some(Ok(bytes)) = data.last_chunk::<16>().map(|bytes| Ok::<_, ()>(*bytes)) {
        of_address(Ipv6Addr::from(bytes).into());
        of_address(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into());
    }
    authority.is_some()
}

/// The authority of a URL that is accepted: it reads as itself, and another reader finds the same.
fn authority(url: &str, uri: &Uri) -> Option<Authority> {
    let authority = match Authority::of(uri) {
        Ok(authority) => authority,
        Err(error) => {
            assert!(error.code == Code::DeniedEgress && is_visible(&error.message), "{error:?}");
            return None;
        }
    };
    let Authority { tls, host, port } = &authority;
    assert!(*port != 0 && !host.is_empty() && !host.ends_with('.') && !host.contains(['@', '%', '\\', '/', '*']));
    assert_eq!(*host, host.to_ascii_lowercase());
    let scheme = if *tls { "https" } else { "http" };
    let printed = format!("{scheme}://{authority}/");
    let again = Authority::of(&printed.parse().expect("a URL")).expect("what is printed is accepted");
    assert_eq!(again, authority, "{printed}");
    other_reading(url, &authority);
    Some(authority)
}

/// What a browser makes of the same text. It reads a name whose last label is a number as an address, which no
/// pattern of a grant covers as a name; and it looks inside international names, which are refused in some forms.
fn other_reading(url: &str, authority: &Authority) {
    if ends_in_number(&authority.host) || authority.host.contains("xn--") {
        return;
    }
    let other = reqwest::Url::parse(url).unwrap_or_else(|error| panic!("{url:?} is no URL elsewhere: {error}"));
    let host = other.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let same = match authority.host.parse::<Ipv6Addr>() {
        Ok(address) => host.parse() == Ok(address),
        Err(_) => host == authority.host,
    };
    assert!(same, "{url:?} leads to {authority}, and for another reader to {host}");
    assert_eq!(other.port_or_known_default(), Some(authority.port), "{url:?}");
    assert!(other.username().is_empty() && other.password().is_none(), "{url:?}");
}

fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    !host.contains(':') && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A pattern that is accepted is written in one way, and covers what it says.
fn of_pattern(text: &str, authority: Option<&Authority>) {
    let Ok(pattern) = text.parse::<HostPattern>() else { return };
    assert_eq!(pattern.to_string(), text, "a pattern has one spelling");
    assert!(pattern.covers(&pattern) && pattern.intersect(&pattern).as_ref() == Some(&pattern));
    assert!(!pattern.matches(&format!("{text}.")), "a trailing dot is another name");
    if pattern.address().is_none() && !text.contains('*') {
        assert!(pattern.matches(text) && pattern.matches(&text.to_ascii_uppercase()));
        assert!(!ends_in_number(text) || text.parse::<IpAddr>().is_err());
    }
    let Some(Authority { host, .. }) = authority.filter(|authority| pattern.matches(&authority.host)) else { return };
    let labels = |text: &str| text.split('.').count();
    match pattern.address() {
        Some(address) => assert_eq!(host.parse(), Ok(address)),
        None => {
            assert_eq!(labels(host), labels(text), "a star is one label");
            let own: Option<HostPattern> = host.parse().ok();
            assert!(own.is_some_and(|own| pattern.covers(&own)), "{text} covers {host}, which is no host of a grant");
        }
    }
}

/// A path that a prefix admits stays below it for every server that unescapes and resolves it, however often, and what
/// stands for a star is one segment to each.
fn of_path(prefix: &str, path: &str) {
    let grant = json!({ "id": "a", "host": "a.example", "path_prefix": prefix });
    let Ok(grant) = serde_json::from_value::<HttpGrant>(grant) else { return };
    if prefix == "/" || !path.starts_with('/') || !grant.admits_path(path) {
        return;
    }
    let stars: Vec<bool> = prefix.split('/').filter(|part| !part.is_empty()).map(|part| part == "*").collect();
    let (mut seen, mut begins) = (path.as_bytes().to_vec(), prefix.as_bytes().to_vec());
    for _ in 0..UNESCAPED_TIMES {
        let (there, wanted) = (resolved(&seen), resolved(&begins));
        assert!(
            there.len() >= wanted.len() && wanted.len() == stars.len(),
            "{prefix} admits {path:?}, which leads to {there:?}"
        );
        for ((there, wanted), star) in there.iter().zip(&wanted).zip(&stars) {
            let fits = if *star { is_one(there) } else { decoded(there) == decoded(wanted) };
            assert!(fits, "{prefix} admits {path:?}, where {there:?} stands for {wanted:?}");
        }
        seen = percent_decode(&seen).collect();
        begins = percent_decode(&begins).collect();
    }
}

/// Whether a part has a name, to a server that drops parameters, and does not end the path.
fn is_one(part: &str) -> bool {
    !part.starts_with(';') && !part.contains(|c: char| matches!(c, '?' | '#') || c.is_control())
}

fn decoded(part: &str) -> Vec<u8> {
    percent_decode(part.as_bytes()).collect()
}

/// The parts of a path as a server finds them that takes `\` for `/`, drops parameters and resolves dots.
fn resolved(path: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(path).replace('\\', "/");
    let mut parts = Vec::new();
    for part in text.split('/').filter(|part| !part.is_empty()) {
        match part.split(';').next().unwrap_or_default() {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// An address that may be dialled is one of the public internet, unless somebody named the place; and of what a
/// grant names by a name it is never one that hands out credentials or is no machine.
fn of_address(address: IpAddr) {
    let socket = SocketAddr::new(address, 443);
    let kind = kind(address);
    if let Ok(dialled) = AddressPolicy::default().check("a.example", socket) {
        assert_eq!(kind, Kind::Elsewhere, "{address} is dialled");
        assert_eq!((dialled.ip(), dialled.port()), (address.to_canonical(), 443));
    }
    let granted = || Exemption::Granted { host: "a.example".to_owned(), port: 443 };
    if AddressPolicy::default().with(granted()).check("a.example", socket).is_ok() {
        assert_ne!(kind, Kind::Never, "{address} is dialled for a name");
    }
    assert!(AddressPolicy::default().with(granted()).check("b.example", socket).is_err() || kind == Kind::Elsewhere);
    let own = AddressPolicy::new(vec![SocketAddr::new(address.to_canonical(), 443)]).with(granted());
    assert!(own.check("a.example", socket).is_err(), "{address} is this host's own");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The public internet, or nothing that this list knows.
    Elsewhere,
    /// A network that operators run services in.
    Inside,
    /// Credentials, the link, no machine, or no place at all.
    Never,
}

/// What an address is by the registries of special-purpose addresses, written down by range.
fn kind(address: IpAddr) -> Kind {
    const INSIDE: [(&str, u32); 5] =
        [("127.0.0.0", 8), ("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16), ("100.64.0.0", 10)];
    const NEVER: [(&str, u32); 12] = [
        ("0.0.0.0", 8),
        ("169.254.0.0", 16),
        ("168.63.129.16", 32),
        ("100.100.100.200", 32),
        ("192.0.0.0", 24),
        ("192.0.2.0", 24),
        ("192.88.99.0", 24),
        ("198.18.0.0", 15),
        ("198.51.100.0", 24),
        ("203.0.113.0", 24),
        ("224.0.0.0", 4),
        ("240.0.0.0", 4),
    ];
    const INSIDE_V6: [(&str, u32); 2] = [("::1", 128), ("fc00::", 7)];
    const NEVER_V6: [(&str, u32); 8] = [
        ("::", 128),
        ("fd00:ec2::254", 128),
        ("fd00:ec2::23", 128),
        ("fd20:ce::254", 128),
        ("fe80::", 10),
        ("ff00::", 8),
        ("2001:db8::", 32),
        ("100::", 64),
    ];
    let in_v4 = |range: &(&str, u32), address: Ipv4Addr| {
        let base: Ipv4Addr = range.0.parse().expect("an address");
        (base.to_bits() ^ address.to_bits()).checked_shr(32 - range.1).unwrap_or(0) == 0
    };
    let in_v6 = |range: &(&str, u32), address: Ipv6Addr| {
        let base: Ipv6Addr = range.0.parse().expect("an address");
        (base.to_bits() ^ address.to_bits()).checked_shr(128 - range.1).unwrap_or(0) == 0
    };
    match address {
        IpAddr::V4(v4) if NEVER.iter().any(|range| in_v4(range, v4)) => Kind::Never,
        IpAddr::V4(v4) if INSIDE.iter().any(|range| in_v4(range, v4)) => Kind::Inside,
        IpAddr::V4(_) => Kind::Elsewhere,
        IpAddr::V6(v6) if NEVER_V6.iter().any(|range| in_v6(range, v6)) => Kind::Never,
        IpAddr::V6(v6) if INSIDE_V6.iter().any(|range| in_v6(range, v6)) => Kind::Inside,
        IpAddr::V6(v6) => wrapped(v6).map_or(Kind::Elsewhere, |v4| kind(v4.into())),
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 and 6to4.
fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let v4 = |shift: u32| Some(Ipv4Addr::from_bits(u32::try_from(bits >> shift & u128::from(u32::MAX)).ok()?));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => v4(0),
        [0x2002, ..] => v4(80),
        _ => None,
    }
}
