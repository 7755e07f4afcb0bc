//! The longest prefix, frozen.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::direct::{Direct, WORTH};
use super::flat::{NONE, Span, Step, flatten};
use super::sorted::Sorted;

/// A table from networks to values that is built once and asked often.
///
/// IPv4 is a direct index (24 + 8 bits, 64 MiB) from 32,768 prefixes on, and a search below that; IPv6 is a search over the upper
/// halves of addresses, and over the lower ones where prefixes are longer than 64 bits. A search reads one node of 16 keys for each
/// factor of 16 prefixes.
///
/// IPv4-mapped networks (`::ffff:0:0/96` and inside it) are the IPv4 networks; `::/0` is IPv6 only.
#[derive(Debug, Clone)]
pub struct PrefixTable<V> {
    entries: Vec<(IpNetwork, V)>,
    four: Four,
    six: Six,
}

#[derive(Debug, Clone)]
enum Four {
    Direct(Direct),
    Sorted { from: Sorted<u32>, numbers: Vec<u32> },
}

/// Steps by the upper halves of addresses.
#[derive(Debug, Clone, Default)]
struct Six {
    upper: Sorted<u64>,
    /// Who wins behind the last step of each upper half.
    last: Vec<u32>,
    /// Where the steps inside each upper half begin, and behind the last one where they end; none where the only step is at its start.
    inner: Vec<usize>,
    lower: Vec<u64>,
    numbers: Vec<u32>,
}

impl<V> PrefixTable<V> {
    /// The longest network an address is in, and its value.
    #[must_use]
    #[inline]
    pub fn find(&self, addr: IpAddr) -> Option<(IpNetwork, &V)> {
        let number = match addr.to_canonical() {
            IpAddr::V4(v4) => self.four.find(v4.to_bits()),
            IpAddr::V6(v6) => self.six.find(v6.to_bits()),
        };
        let (network, value) = self.entries.get(usize::try_from(number).ok()?)?;
        Some((*network, value))
    }

    /// Networks, each once.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Octets held for searching, values apart.
    #[must_use]
    pub fn octets(&self) -> usize {
        let four = match &self.four {
            Four::Direct(direct) => direct.octets(),
            Four::Sorted { from, numbers } => from.octets().saturating_add(numbers.len() * 4),
        };
        let six = &self.six;
        let halves = six.upper.octets() + six.last.len() * 4 + six.inner.len() * 8 + six.lower.len() * 8 + six.numbers.len() * 4;
        four.saturating_add(halves)
    }
}

/// Of equal networks the last is taken. Host bits are dropped.
impl<V> FromIterator<(IpNetwork, V)> for PrefixTable<V> {
    fn from_iter<I: IntoIterator<Item = (IpNetwork, V)>>(from: I) -> Self {
        let mut entries: Vec<(IpNetwork, V)> = Vec::new();
        let mut places: HashMap<IpNetwork, usize, foldhash::fast::RandomState> = HashMap::default();
        for (network, value) in from {
            let network = canonical(network);
            match places.get(&network).and_then(|place| entries.get_mut(*place)) {
                Some((_, known)) => *known = value,
                None => {
                    places.insert(network, entries.len());
                    entries.push((network, value));
                }
            }
        }
        drop(places);
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for (number, (network, _)) in (0..NONE).zip(&entries) {
            match network {
                IpNetwork::V4(net) => {
                    let (first, last) = (net.network().to_bits().into(), net.broadcast().to_bits().into());
                    four.push(Span { first, last, number });
                }
                IpNetwork::V6(net) => {
                    six.push(Span { first: net.network().to_bits(), last: net.broadcast().to_bits(), number });
                }
            }
        }
        Self { four: Four::new(four), six: Six::new(&flatten(six)), entries }
    }
}

impl<V> Default for PrefixTable<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), four: Four::new(Vec::new()), six: Six::default() }
    }
}

impl Four {
    fn new(spans: Vec<Span>) -> Self {
        let many = spans.len();
        let mut steps = flatten(spans);
        // Behind 255.255.255.255 is nothing.
        steps.retain(|step| step.from <= u32::MAX.into());
        match (many >= WORTH).then(|| Direct::new(&steps)).flatten() {
            Some(direct) => Self::Direct(direct),
            None => {
                let from = steps.iter().filter_map(|step| u32::try_from(step.from).ok()).collect();
                Self::Sorted { from: Sorted::new(from), numbers: steps.iter().map(|step| step.number).collect() }
            }
        }
    }

    #[inline]
    fn find(&self, addr: u32) -> u32 {
        match self {
            Self::Direct(direct) => direct.find(addr),
            Self::Sorted { from, numbers } => from.last_up_to(addr).and_then(|at| numbers.get(at)).copied().unwrap_or(NONE),
        }
    }
}

impl Six {
    fn new(steps: &[Step]) -> Self {
        let mut six = Self::default();
        let mut upper = Vec::new();
        let mut before = NONE;
        for half in steps.chunk_by(|a, b| a.from >> 64 == b.from >> 64) {
            let (Some(first), Some(last)) = (half.first(), half.last()) else { continue };
            upper.push(halves(first.from).0);
            six.last.push(last.number);
            six.inner.push(six.lower.len());
            let at_start = halves(first.from).1 == 0;
            if half.len() > 1 || !at_start {
                if !at_start {
                    six.lower.push(0);
                    six.numbers.push(before);
                }
                six.lower.extend(half.iter().map(|step| halves(step.from).1));
                six.numbers.extend(half.iter().map(|step| step.number));
            }
            before = last.number;
        }
        six.inner.push(six.lower.len());
        six.upper = Sorted::new(upper);
        six
    }

    #[inline]
    fn find(&self, addr: u128) -> u32 {
        let (upper, lower) = halves(addr);
        self.step(upper, lower).unwrap_or(NONE)
    }

    #[inline]
    fn step(&self, upper: u64, lower: u64) -> Option<u32> {
        let at = self.upper.last_up_to(upper)?;
        let inner = *self.inner.get(at)?..*self.inner.get(at.checked_add(1)?)?;
        if inner.is_empty() || self.upper.key(at)? != upper {
            return self.last.get(at).copied();
        }
        let steps = self.lower.get(inner.clone())?;
        let step = steps.partition_point(|from| *from <= lower).checked_sub(1)?;
        self.numbers.get(inner.start.checked_add(step)?).copied()
    }
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the two halves of 128 bits")]
const fn halves(addr: u128) -> (u64, u64) {
    ((addr >> 64) as u64, addr as u64)
}

/// Without host bits; IPv4-mapped ones as IPv4.
fn canonical(network: IpNetwork) -> IpNetwork {
    let plain = match (network.network(), network.prefix()) {
        (IpAddr::V6(v6), prefix @ 96..) if v6.to_ipv4_mapped().is_some() => {
            v6.to_ipv4_mapped().and_then(|v4| IpNetwork::new(v4.into(), prefix.saturating_sub(96)).ok())
        }
        (addr, prefix) => IpNetwork::new(addr, prefix).ok(),
    };
    plain.unwrap_or(network)
}
