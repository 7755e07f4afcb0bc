//! Data to look up, made from numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowcodec::Timestamp;
use flowenrich::kube::{Meta, Node, Object, OwnerRef, Pod};
use ipnetwork::{Ipv4Network, Ipv6Network};

/// Spreads numbers (splitmix64).
pub(super) const fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the lower half is wanted")]
pub(super) const fn low(n: u64) -> u32 {
    n as u32
}

/// A label for some fifty networks, as countries, providers and sites are.
pub(super) const fn label(n: u32) -> u32 {
    n % 20_000
}

/// Shaped like a routing table: most are /24, some longer, nested in shorter ones.
pub(super) fn network4(n: u64) -> Ipv4Network {
    let prefix = match mixed(n ^ 0x11) % 100 {
        0..60 => 24,
        60..75 => 20 + mixed(n ^ 0x22) % 4,
        75..90 => 12 + mixed(n ^ 0x33) % 8,
        _ => 25 + mixed(n ^ 0x44) % 8,
    };
    // The longer ones stand close together.
    let addr = if prefix > 24 { 0x5000_0000 | (low(mixed(n)) >> 8) } else { low(mixed(n)) };
    let prefix = u8::try_from(prefix).unwrap_or(24);
    let mask = u32::MAX << (32 - prefix);
    Ipv4Network::new(Ipv4Addr::from(addr & mask), prefix).unwrap_or_else(|_| Ipv4Network::from(Ipv4Addr::from(addr)))
}

/// As registries hand them out: a few thousand /32 under 2000::/3, networks below them.
pub(super) fn network6(n: u64) -> Ipv6Network {
    let prefix = match mixed(n ^ 0x55) % 8 {
        0 => 32,
        1 => 40,
        2 => 44,
        3..6 => 48,
        6 => 56,
        _ => 64,
    };
    let upper = 0x2000_0000_0000_0000 | ((mixed(n % 4_000) >> 35) << 32) | (mixed(n) >> 32);
    let bits = (u128::from(upper) << 64) & (u128::MAX << (128 - prefix));
    Ipv6Network::new(Ipv6Addr::from(bits), prefix).unwrap_or_else(|_| Ipv6Network::from(Ipv6Addr::from(bits)))
}

/// Half of them inside some network, half beside.
pub(super) fn address6(n: u64) -> Ipv6Addr {
    if n.is_multiple_of(2) {
        let network = network6(mixed(n) % 1_000_000);
        return Ipv6Addr::from(network.network().to_bits() | u128::from(mixed(n ^ 0x77) >> 8));
    }
    let upper = 0x2000_0000_0000_0000 | ((mixed(n % 4_000) >> 35) << 32) | (mixed(n ^ 0x66) >> 32);
    Ipv6Addr::from((u128::from(upper) << 64) | 1)
}

/// Address of a pod.
pub(super) fn pod_addr(n: u32) -> IpAddr {
    IpAddr::from(((10 << 24) | n).to_be_bytes())
}

/// What is known of a pod: `service-0001-6d4cf56db6-00007` in one of 40 namespaces on one of 200 nodes, of a Deployment.
pub(super) fn objects(pods: u32) -> Vec<Object> {
    let meta = |group: &str, kind: &str, namespace: String, name: String| Meta {
        group: group.to_owned(),
        kind: kind.to_owned(),
        uid: format!("{kind}-{name}"),
        namespace,
        name,
        created: Some(Timestamp::EPOCH),
        ..Meta::default()
    };
    let owner = |kind: &str, name: String| {
        Some(OwnerRef { group: "apps".to_owned(), uid: format!("{kind}-{name}"), kind: kind.to_owned(), name })
    };
    let mut objects = Vec::new();
    for n in 0..200_u32 {
        let addr: IpAddr = [172, 16, 0, u8::try_from(n).unwrap_or(0)].into();
        let zone = Some(format!("zone-{}", n % 3));
        objects.push(Object::Node(Node {
            meta: meta("", "Node", String::new(), node(n)),
            internal_addr: Some(addr),
            addrs: vec![addr],
            zone,
        }));
    }
    for n in 0..pods {
        if n.is_multiple_of(4) {
            let set =
                Meta { owner: owner("Deployment", deployment(n)), ..meta("apps", "ReplicaSet", namespace(n), replica_set(n)) };
            objects.push(Object::Other(set));
        }
        objects.push(Object::Pod(Pod {
            meta: Meta { owner: owner("ReplicaSet", replica_set(n)), ..meta("", "Pod", namespace(n), pod_name(n)) },
            node: Some(node(n % 200)),
            addrs: vec![pod_addr(n)],
            ..Pod::default()
        }));
    }
    objects
}

pub(super) fn namespace(n: u32) -> String {
    format!("team-{}", n / 4 % 40)
}

pub(super) fn deployment(n: u32) -> String {
    format!("service-{:04}", n / 4)
}

pub(super) fn replica_set(n: u32) -> String {
    format!("{}-6d4cf56db6", deployment(n))
}

pub(super) fn pod_name(n: u32) -> String {
    format!("{}-{n:05x}", replica_set(n))
}

pub(super) fn node(n: u32) -> String {
    format!("node-{n}")
}
