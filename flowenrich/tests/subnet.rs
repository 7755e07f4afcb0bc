//! The longest prefix against counting bits one network after the other.
#![cfg(test)]

use std::net::IpAddr;

use flowcodec::Timestamp;
use flowenrich::subnet::{PrefixTable, Subnets};
use flowenrich::{AddrKey, Found, Live, Lookup, Scope, Source};
use ipnetwork::IpNetwork;
use proptest::prelude::*;

/// The longest of all networks that hold the address; of equal ones the last.
fn naive(networks: &[IpNetwork], addr: IpAddr) -> Option<usize> {
    let holds = |network: &&IpNetwork| network.contains(addr);
    let longest = networks.iter().filter(holds).map(IpNetwork::prefix).max()?;
    networks.iter().rposition(|network| network.contains(addr) && network.prefix() == longest)
}

fn check(networks: &[IpNetwork], addrs: impl Iterator<Item = IpAddr>) {
    let table: PrefixTable<usize> = networks.iter().copied().zip(0..).collect();
    for addr in addrs {
        let found = table.find(addr);
        assert_eq!(found.map(|(_, number)| *number), naive(networks, addr), "{addr} in {networks:?}");
        if let Some((network, _)) = found {
            assert!(network.contains(addr) && network.ip() == network.network());
        }
    }
}

/// First and last addresses of networks and their neighbours: where tables go wrong.
fn edges(networks: &[IpNetwork]) -> Vec<IpAddr> {
    let six = |bits: u128| IpAddr::V6(bits.into());
    let around = |network: &IpNetwork| match network {
        IpNetwork::V4(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(|bits| IpAddr::V4(bits.into()))
        }
        IpNetwork::V6(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(six)
        }
    };
    // What is mapped belongs to IPv4, and the naive search does not know it.
    let mapped = |addr: &IpAddr| matches!(addr, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    networks.iter().flat_map(around).filter(|addr| !mapped(addr)).collect()
}

fn four() -> impl Strategy<Value = IpNetwork> {
    // Few values in the upper octets, so that networks nest and meet.
    let addr = (0_u8..3, 0_u8..3, prop_oneof![Just(0_u8), Just(255), any::<u8>()], any::<u8>());
    (addr, 0_u8..=32)
        .prop_map(|((a, b, c, d), prefix)| IpNetwork::new([if a == 2 { 255 } else { a }, b, c, d].into(), prefix).unwrap())
}

fn six() -> impl Strategy<Value = IpNetwork> {
    let group = || prop_oneof![Just(0_u16), Just(1), Just(0xffff), any::<u16>()];
    let groups = [group(), group(), group(), group(), group(), group(), group(), group()];
    (groups, 0_u8..=128).prop_filter_map("mapped networks are IPv4", |(groups, prefix)| {
        let network = IpNetwork::new(std::net::Ipv6Addr::from(groups).into(), prefix).unwrap();
        let mapped = matches!(network.network(), IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        (!mapped).then_some(network)
    })
}

proptest! {
    #[test]
    fn few_networks_of_both_kinds(networks in prop::collection::vec(prop_oneof![four(), six()], 0..40), more in any::<[u32; 8]>()) {
        check(&networks, edges(&networks).into_iter().chain(more.map(|bits| IpAddr::V4(bits.into()))));
    }
}

/// A mixed sequence that is the same each time.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap()
}

#[test]
fn the_direct_index_says_the_same_as_a_search_without_it() {
    // Above 32,768 networks the index is direct: all of them inside 10.0.0.0/11, so that they nest.
    let network = |n: u64| {
        let prefix = 11 + u8::try_from(mixed(n) % 22).unwrap();
        IpNetwork::new(IpAddr::V4((0x0a00_0000 | low(mixed(n ^ 0x55)) >> 11).into()), prefix).unwrap()
    };
    let networks: Vec<_> = (0..120_000).map(network).collect();
    let table: PrefixTable<usize> = networks.iter().copied().zip(0..).collect();
    assert!(table.octets() > 64 << 20, "{} octets", table.octets());
    // Fewer networks at a time are searched; together they must say what the index says.
    let parts: Vec<PrefixTable<usize>> = networks
        .chunks(20_000)
        .zip((0..).step_by(20_000))
        .map(|(part, first)| part.iter().copied().zip(first..).collect())
        .collect();
    assert!(parts.iter().all(|part| part.octets() < 1 << 20));
    let questions: Vec<_> = edges(&networks).into_iter().chain((0..100_000).map(|n| IpAddr::V4(low(mixed(n)).into()))).collect();
    let mut together = Vec::new();
    table.values(&questions, |place, value| together.push((place, value)));
    assert!(questions.iter().zip(together).enumerate().all(|(place, (addr, found))| found == (place, table.value(*addr))));
    for addr in questions {
        let found = parts.iter().filter_map(|part| part.find(addr)).max_by_key(|(network, number)| (network.prefix(), **number));
        assert_eq!(table.find(addr).map(|(_, number)| number), found.map(|(_, number)| number), "{addr}");
    }
}

#[test]
fn many_divided_networks_are_searched_instead() {
    // 200,000 single addresses in as many /24s would cost 200 MiB of blocks.
    let networks = (0..200_000_u32).map(|n| (IpNetwork::from(IpAddr::V4(((n << 8) | 7).into())), n));
    let table: PrefixTable<u32> = networks.collect();
    assert!(table.octets() < 8 << 20, "{} octets", table.octets());
    assert_eq!(table.find([0, 1, 0, 7].into()).map(|(_, n)| *n), Some(256));
    assert_eq!(table.find([0, 1, 0, 8].into()), None);
}

#[test]
fn a_million_prefixes_load() {
    let four = (0..500_000_u64)
        .map(|n| (IpNetwork::new(IpAddr::V4(low(mixed(n)).into()), 8 + u8::try_from(n % 17).unwrap()).unwrap(), n));
    let six = (0..500_000_u64).map(|n| {
        let bits = (u128::from(mixed(n)) << 64) >> 3 | 1 << 125;
        (IpNetwork::new(IpAddr::V6(bits.into()), 24 + u8::try_from(n % 41).unwrap()).unwrap(), n)
    });
    let table: PrefixTable<u64> = four.chain(six).collect();
    println!("{} networks in {} MiB", table.len(), table.octets() >> 20);
    assert!(table.len() > 800_000);
    for n in (0..500_000).step_by(997) {
        let addr = IpAddr::V4(low(mixed(n)).into());
        assert!(table.find(addr).unwrap().0.prefix() >= 8 + u8::try_from(n % 17).unwrap());
    }
}

#[test]
fn whole_space_mapped_networks_and_the_ends() {
    let networks = ["0.0.0.0/0", "::/0", "255.255.255.255/32", "::ffff:10.0.0.0/104", "::ffff:10.1.2.3/112", "ffff:ffff::/32"];
    let table: PrefixTable<&str> = networks.iter().map(|text| (text.parse().unwrap(), *text)).collect();
    let find = |addr: &str| table.find(addr.parse().unwrap()).map(|(network, text)| (network.to_string(), *text));
    assert_eq!(find("1.2.3.4").unwrap().1, "0.0.0.0/0");
    assert_eq!(find("255.255.255.255").unwrap().1, "255.255.255.255/32");
    assert_eq!(find("10.9.9.9").unwrap(), ("10.0.0.0/8".to_owned(), "::ffff:10.0.0.0/104"));
    assert_eq!(find("::ffff:10.1.9.9").unwrap(), ("10.1.0.0/16".to_owned(), "::ffff:10.1.2.3/112"));
    assert_eq!(find("::").unwrap().1, "::/0");
    assert_eq!(find("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").unwrap().1, "ffff:ffff::/32");
    assert_eq!(PrefixTable::<u8>::default().find([10, 0, 0, 1].into()), None);
}

#[test]
fn files_name_the_line_and_cost_nothing_that_is_loaded() {
    let text = "# ours\n\n10.0.0.0/8,office\n 10.1.0.0/16 , \"a, \"\"b\"\"\" \n192.0.2.7,host\n10.0.0.0/8,again\n";
    let live = Live::new(Subnets::read(text.as_bytes()).unwrap());
    for (bad, said) in [
        ("10.0.0.0/8,a\n10.0.0.0/33,b\n", "line 2: '10.0.0.0/33' is no network: "),
        ("10.0.0.0/8 office\n", "line 1: '10.0.0.0/8 office' has no comma"),
        ("\n\n10.0.0.0/8,\"a\n", "line 3: \"a is badly quoted"),
        ("10.0.0.0/8,\"a\"b\"\n", "line 1: \"a\"b\" is badly quoted"),
    ] {
        match Subnets::read(bad.as_bytes()) {
            Ok(table) => drop(live.replace(table)),
            Err(error) => assert!(error.to_string().starts_with(said), "{error}"),
        }
    }
    let table = live.current();
    let label = |key: AddrKey<'_>| match table.lookup(key, Timestamp::EPOCH) {
        Found::One(subnet) => subnet.label.to_owned(),
        found => format!("{found:?}"),
    };
    let key = |addr: &str| AddrKey::new(addr.parse().unwrap());
    assert_eq!((table.len(), label(key("10.2.0.1")), label(key("10.1.0.1"))), (3, "again".to_owned(), "a, \"b\"".to_owned()));
    assert_eq!((label(key("192.0.2.7")), label(key("192.0.2.8"))), ("host".to_owned(), "Nothing".to_owned()));

    // In another site the same address is in another network, or in none.
    let other = Subnets::new([("10.0.0.0/8".parse().unwrap(), "plant")]);
    let sites = Subnets::new([("10.0.0.0/8".parse().unwrap(), "office")]).with_scope("east", other);
    let label =
        |scope| sites.lookup(key("10.0.0.1").in_scope(Scope::named(scope)), Timestamp::EPOCH).one().map(|subnet| subnet.label);
    assert_eq!((label(""), label("east"), label("west")), (Some("office"), Some("plant"), None));
}
