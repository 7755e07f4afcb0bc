//! A writer of small databases in MaxMind's format 2.0, for tests: a tree of 24-bit records over IPv6 (IPv4 in ::/96), then data, then
//! metadata.

use std::net::IpAddr;

/// A value.
pub(crate) enum Value {
    Text(&'static str),
    U16(u16),
    U32(u32),
    U64(u64),
    List(Vec<Self>),
    Map(Vec<(&'static str, Self)>),
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, kind: u8, size: usize| {
            let size = u8::try_from(size).unwrap();
            assert!(size < 29 || kind == 2, "small ones only");
            let (short, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
            if kind <= 7 {
                out.push(kind << 5 | short);
            } else {
                out.extend([short, kind - 7]);
            }
            out.extend(more);
        };
        let number = |out: &mut Vec<u8>, kind: u8, octets: &[u8]| {
            let octets: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
            head(out, kind, octets.len());
            out.extend(octets);
        };
        match self {
            Self::Text(text) => {
                head(out, 2, text.len());
                out.extend(text.as_bytes());
            }
            Self::U16(value) => number(out, 5, &value.to_be_bytes()),
            Self::U32(value) => number(out, 6, &value.to_be_bytes()),
            Self::U64(value) => number(out, 9, &value.to_be_bytes()),
            Self::List(items) => {
                head(out, 11, items.len());
                for item in items {
                    item.write(out);
                }
            }
            Self::Map(members) => {
                head(out, 7, members.len());
                for (name, value) in members {
                    Self::Text(name).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// A child of a node.
#[derive(Clone, Copy)]
enum Child {
    Empty,
    Node(usize),
    Data(usize),
}

/// A database of networks that are apart.
pub(crate) fn database(kind: &'static str, networks: &[(&str, Value)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Child::Empty; 2]], Vec::new());
    for (network, value) in networks {
        let (addr, length) = network.split_once('/').unwrap();
        let (bits, length) = match (addr.parse().unwrap(), length.parse::<u32>().unwrap()) {
            (IpAddr::V4(v4), length) => (u128::from(v4.to_bits()), length + 96),
            (IpAddr::V6(v6), length) => (v6.to_bits(), length),
        };
        let place = data.len();
        value.write(&mut data);
        let mut node = 0;
        for depth in 0..length {
            let side = usize::try_from(bits >> (127 - depth) & 1).unwrap();
            if depth + 1 == length {
                nodes[node][side] = Child::Data(place);
            } else if let Child::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([Child::Empty; 2]);
                nodes[node][side] = Child::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for child in nodes.iter().flatten() {
        let record = match child {
            Child::Empty => count,
            Child::Node(number) => *number,
            Child::Data(place) => count + 16 + place,
        };
        out.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Value::Map(vec![
        ("binary_format_major_version", Value::U16(2)),
        ("binary_format_minor_version", Value::U16(0)),
        ("build_epoch", Value::U64(1_795_000_000)),
        ("database_type", Value::Text(kind)),
        ("description", Value::Map(vec![("en", Value::Text("for a test"))])),
        ("ip_version", Value::U16(6)),
        ("languages", Value::List(vec![Value::Text("en")])),
        ("node_count", Value::U32(u32::try_from(count).unwrap())),
        ("record_size", Value::U16(24)),
    ]);
    metadata.write(&mut out);
    out
}
