//! Ranges of addresses and ports, as the clouds write them.

use std::net::{IpAddr, Ipv6Addr};

/// What clouds write for the whole internet.
const OPEN_WORDS: [&str; 5] = ["*", "any", "internet", "0.0.0.0", "::"];

/// Ranges of which no address is reached from the internet (IANA's registries of special-purpose addresses).
const PRIVATE: [Range; 13] = [
    Range::v4([0, 0, 0, 0], 8),
    Range::v4([10, 0, 0, 0], 8),
    Range::v4([100, 64, 0, 0], 10),
    Range::v4([127, 0, 0, 0], 8),
    Range::v4([169, 254, 0, 0], 16),
    Range::v4([172, 16, 0, 0], 12),
    Range::v4([192, 168, 0, 0], 16),
    Range::v4([198, 18, 0, 0], 15),
    Range::v4([224, 0, 0, 0], 3),
    Range::v6(0, 128),
    Range::v6(1, 128),
    Range::v6(0xfc00 << 112, 7),
    Range::v6(0xfe80 << 112, 10),
];

/// A range of addresses. Those of version 4 are told as version 6, mapped, with 96 more bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: u128,
    bits: u32,
    is_v4: bool,
}

impl Range {
    const fn v4(address: [u8; 4], bits: u32) -> Self {
        Self { base: u32::from_be_bytes(address) as u128, bits, is_v4: true }
    }

    const fn v6(base: u128, bits: u32) -> Self {
        Self { base, bits, is_v4: false }
    }

    /// Reads `10.0.0.0/8`, `2001:db8::/32` or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().ok()?;
        let (base, most, is_v4) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32, true),
            IpAddr::V6(address) => (Ipv6Addr::to_bits(address), 128, false),
        };
        let bits = match bits {
            Some(bits) => bits.parse::<u32>().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self { base: base & mask(bits, most), bits, is_v4 })
    }

    /// Reports whether all of another one lies in it.
    pub fn contains(&self, other: &Self) -> bool {
        let most = if self.is_v4 { 32 } else { 128 };
        self.is_v4 == other.is_v4 && self.bits <= other.bits && other.base & mask(self.bits, most) == self.base
    }

    /// Reports whether it is every address there is.
    pub const fn is_everything(&self) -> bool {
        self.bits == 0
    }

    /// Reports whether an address of it may be reached from the internet.
    pub fn is_public(&self) -> bool {
        !PRIVATE.iter().any(|private| private.contains(self))
    }
}

/// The leading bits of an address that has so many.
const fn mask(bits: u32, most: u32) -> u128 {
    let all = if most == 128 { u128::MAX } else { (1 << most) - 1 };
    if bits == 0 { 0 } else { all & !((1_u128 << (most - bits)) - 1) }
}

/// Reports whether a text stands for the whole internet.
pub fn is_open(text: &str) -> bool {
    OPEN_WORDS.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
        || Range::parse(text).is_some_and(|range| range.is_everything())
}

/// Reports whether a text stands for addresses that may be reached from the internet; none if it is no range.
pub fn is_public(text: &str) -> Option<bool> {
    if is_open(text) { Some(true) } else { Range::parse(text).map(|range| range.is_public()) }
}

/// Reports whether `22`, `20-25`, `20-25,80` or `*` contains a port; none if it is no such text.
pub fn has_port(text: &str, ports: &[u16]) -> Option<bool> {
    let mut has = false;
    for part in text.split(',').map(str::trim) {
        if part == "*" {
            return Some(true);
        }
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u16, u16) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        has |= ports.iter().any(|port| (from..=to).contains(port));
    }
    Some(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_compared() {
        assert!(is_open("0.0.0.0/0") && is_open("::/0") && is_open("Internet") && !is_open("10.0.0.0/8"));
        assert_eq!(is_public("10.1.0.0/16"), Some(false));
        assert_eq!(is_public("8.8.8.0/24"), Some(true));
        // It has more than the private addresses.
        assert_eq!(is_public("8.0.0.0/4"), Some(true));
        assert_eq!(is_public("2001:4860::/32"), Some(true));
        assert_eq!(is_public("fd00::1"), Some(false));
        assert_eq!(is_public("VirtualNetwork"), None);
        let (ten, one) = (Range::parse("10.0.0.0/8").unwrap(), Range::parse("10.1.2.3").unwrap());
        assert!(ten.contains(&one) && !one.contains(&ten));
        for wrong in ["10.0.0.0/33", "::/129", "", "/", "1.2.3", "10.0.0.0/-1"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ports_are_found_in_ranges() {
        assert_eq!(has_port("20-25", &[22]), Some(true));
        assert_eq!(has_port("80, 3389", &[3389]), Some(true));
        assert_eq!(has_port("*", &[1]), Some(true));
        assert_eq!(has_port("23-443", &[22]), Some(false));
        assert_eq!(has_port("ssh", &[22]), None);
    }
}
