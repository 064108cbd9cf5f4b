use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use troupe_core::Code;

use super::{AddressClass, AddressPolicy, Exemption};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn every_special_range_has_its_class_at_both_ends_and_its_neighbours_do_not() {
    use AddressClass::*;
    let table: &[(AddressClass, &[&str])] = &[
        (Nowhere, &["0.0.0.0", "224.0.0.0", "239.255.255.255", "255.255.255.255", "::", "ff00::", "ff02::1"]),
        (Loopback, &["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"]),
        (Private, &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"]),
        (UniqueLocal, &["fc00::", "fd12:3456::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
        (Shared, &["100.64.0.0", "100.127.255.255"]),
        (LinkLocal, &["169.254.0.0", "169.254.255.255", "fe80::1", "febf::1"]),
        (
            Metadata,
            &[
                "169.254.169.254",
                "169.254.170.2",
                "169.254.170.23",
                "168.63.129.16",
                "100.100.100.200",
                "192.0.0.192",
                "fd00:ec2::254",
                "fd00:ec2::23",
                "fd20:ce::254",
            ],
        ),
        (
            Reserved,
            &[
                "0.0.0.1",
                "0.255.255.255",
                "192.0.0.0",
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.255",
                "192.88.99.1",
                "198.18.0.0",
                "198.19.255.255",
                "240.0.0.0",
                "255.255.255.254",
                "2001:db8::1",
                "2001::1",
                "2001:2::1",
                "3fff::1",
                "fec0::1",
                "64:ff9b:1::a00:1",
                "100::1",
                "5f00::1",
            ],
        ),
        (
            Public,
            &[
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700::1111",
                "2001:200::1",
                "2001:db9::1",
            ],
        ),
    ];
    for (class, addresses) in table {
        for address in *addresses {
            assert_eq!(AddressClass::of(ip(address)), *class, "{address}");
        }
    }
}

#[test]
fn e50_the_metadata_address_is_refused_in_every_spelling() {
    for spelling in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::ffff:0:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
    ] {
        let error = AddressPolicy::default().check("files.example.com", SocketAddr::new(ip(spelling), 80)).unwrap_err();
        assert_eq!(error.code, Code::DeniedEgress, "{spelling}");
        assert!(!error.message.contains("169.254"), "{}", error.message);
    }
}

#[test]
fn a_refusal_names_host_and_kind_of_place() {
    let error = AddressPolicy::default().check("files.example.com", socket("10.0.0.1:443")).unwrap_err();
    insta::assert_snapshot!(error.message, @"`files.example.com` leads to a private address; a grant of it with `private = true`, or an operator's mapping, would allow it");
}

#[test]
fn an_exempted_name_may_lie_inside_but_never_on_a_link_or_metadata_address() {
    let policy = AddressPolicy::default().with(Exemption::Granted { host: "db.internal".into(), port: 8080 });
    for inside in ["10.1.2.3:8080", "127.0.0.1:8080", "100.64.0.1:8080", "[fd12::1]:8080", "[::ffff:10.1.2.3]:8080"] {
        assert!(policy.check("db.internal", socket(inside)).is_ok(), "{inside}");
        assert!(policy.check("DB.internal", socket(inside)).is_ok(), "{inside}");
        assert!(policy.check("other.internal", socket(inside)).is_err(), "{inside}");
    }
    for outside in ["10.1.2.3:8081", "169.254.169.254:8080", "[fe80::1]:8080", "[fd00:ec2::254]:8080", "0.0.0.0:8080"] {
        assert!(policy.check("db.internal", socket(outside)).is_err(), "{outside}");
    }
}

#[test]
fn an_exempted_address_opens_exactly_that_address() {
    let policy = AddressPolicy::default()
        .with(Exemption::Granted { host: "169.254.1.1".into(), port: 80 })
        .with(Exemption::Granted { host: "fd12::1".into(), port: 80 })
        .with(Exemption::Granted { host: "0.0.0.0".into(), port: 80 });
    assert!(policy.check("169.254.1.1", socket("169.254.1.1:80")).is_ok());
    assert!(policy.check("fd12::1", socket("[fd12::1]:80")).is_ok());
    assert!(policy.check("169.254.1.1", socket("169.254.1.2:80")).is_err());
    assert!(policy.check("169.254.1.1", socket("169.254.1.1:81")).is_err());
    assert!(policy.check("0.0.0.0", socket("0.0.0.0:80")).is_err());
}

#[test]
fn a_metadata_service_is_closed_to_a_grant_and_open_to_what_the_operator_wrote_down() {
    for address in ["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"] {
        let dialled = SocketAddr::new(ip(address), 80);
        let granted = AddressPolicy::default().with(Exemption::Granted { host: address.into(), port: 80 });
        let error = granted.check(address, dialled).unwrap_err();
        assert_eq!(error.code, Code::DeniedEgress, "{address}");
        assert!(error.message.contains("leads to a cloud metadata address, which no grant opens"), "{}", error.message);
        let mapped = granted.with(Exemption::Mapped { host: address.into(), port: 80 });
        assert!(mapped.check(address, dialled).is_ok(), "{address}");
    }
}

#[test]
fn own_sockets_are_closed_to_a_grant_and_open_to_a_mapping() {
    let granted = Exemption::Granted { host: "localhost".into(), port: 7070 };
    for own in ["127.0.0.1:7070", "0.0.0.0:7070", "[::]:7070"] {
        let policy = AddressPolicy::new([socket(own)]).with(granted.clone());
        for dialled in ["127.0.0.1:7070", "127.9.9.9:7070", "[::1]:7070", "[::ffff:127.0.0.1]:7070"] {
            let error = policy.check("localhost", socket(dialled)).unwrap_err();
            assert!(error.message.contains("own"), "{own} {dialled}: {}", error.message);
        }
        let mapped = policy.with(Exemption::Mapped { host: "localhost".into(), port: 7070 });
        assert!(mapped.check("localhost", socket("127.0.0.1:7070")).is_ok());
        assert!(mapped.check("other", socket("127.0.0.1:7070")).is_err());
    }
}

#[test]
fn a_connection_of_this_machine_to_itself_is_refused_on_a_port_it_listens_on() {
    let policy = AddressPolicy::new([socket("0.0.0.0:7070")]);
    let (local, own) = (socket("5.6.7.8:50000"), socket("5.6.7.8:7070"));
    assert!(policy.check_connected("a.example", local, own).is_err());
    assert!(policy.check_connected("a.example", local, socket("5.6.7.8:443")).is_ok());
    assert!(policy.check_connected("a.example", local, socket("5.6.7.9:7070")).is_ok());
}

proptest! {
    #[test]
    fn e50_no_ipv6_spelling_passes_where_its_ipv4_address_does_not(bits in any::<u32>(), port in 1_u16..) {
        let v4 = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let policy = AddressPolicy::default();
        let plain = policy.check("h", SocketAddr::new(v4.into(), port)).is_ok();
        for v6 in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ] {
            let wrapped = policy.check("h", SocketAddr::new(v6.into(), port)).is_ok();
            prop_assert!(!wrapped || plain, "{v6} passes, {v4} does not");
        }
    }

    #[test]
    fn a_mapped_address_is_dialled_as_the_ipv4_address_that_was_checked(bits in any::<u32>(), port in 1_u16..) {
        let v4 = Ipv4Addr::from_bits(bits);
        if let Ok(dialled) = AddressPolicy::default().check("h", SocketAddr::new(v4.to_ipv6_mapped().into(), port)) {
            prop_assert_eq!(dialled, SocketAddr::new(v4.into(), port));
        }
    }
}
