//! The longest prefix, frozen.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use ipnetwork::IpNetwork;

use super::direct::{Direct, WORTH};
use super::flat::{Span, Word, flatten};
use super::six::Six;
use super::sorted::Sorted;

/// A table from networks to values that is built once and asked often.
///
/// IPv4 is a direct index (24 + 8 bits, 64 MiB) from 32,768 prefixes on, and a search below that; IPv6 is a
/// search over the upper halves of addresses that begins near its end, and over the lower ones where prefixes are longer than 64 bits.
///
/// IPv4-mapped networks (`::ffff:0:0/96` and inside it) are the IPv4 networks; `::/0` is IPv6 only.
#[derive(Debug, Clone)]
pub struct PrefixTable<V> {
    /// Distinct values.
    values: Vec<V>,
    networks: usize,
    four: Four,
    six: Six,
}

#[derive(Debug, Clone)]
enum Four {
    Direct(Direct),
    Sorted { from: Sorted<u32>, words: Vec<Word> },
}

impl<V> PrefixTable<V> {
    /// The longest network an address is in, and its value.
    #[must_use]
    #[inline]
    pub fn find(&self, addr: IpAddr) -> Option<(IpNetwork, &V)> {
        let addr = addr.to_canonical();
        let (value, prefix) = self.word(addr).parts()?;
        Some((masked(addr, prefix)?, self.values.get(value)?))
    }

    /// The value of the longest network an address is in: a little cheaper than [`find`](Self::find).
    #[must_use]
    #[inline]
    pub fn value(&self, addr: IpAddr) -> Option<&V> {
        let (value, _) = self.word(addr.to_canonical()).parts()?;
        self.values.get(value)
    }

    /// [`value`](Self::value) for many addresses; `each` gets the place of an address, and the value. Cheaper than one by one where `each`
    /// does much: look-ups that stand close together wait for memory together.
    pub fn values<'v>(&'v self, addrs: &[IpAddr], mut each: impl FnMut(usize, Option<&'v V>)) {
        self.words(addrs.iter().copied(), |place, _, word| {
            each(place, word.parts().and_then(|(value, _)| self.values.get(value)));
        });
    }

    /// [`find`](Self::find) for many addresses, likewise.
    pub(super) fn find_all<'v>(
        &'v self,
        addrs: impl Iterator<Item = IpAddr>,
        mut each: impl FnMut(usize, Option<(IpNetwork, &'v V)>),
    ) {
        self.words(addrs, |place, addr, word| {
            let found = word.parts().and_then(|(value, prefix)| Some((masked(addr, prefix)?, self.values.get(value)?)));
            each(place, found);
        });
    }

    /// What addresses lead to: what has to be read of some dozens of them is sent for first.
    #[inline]
    fn words(&self, addrs: impl Iterator<Item = IpAddr>, mut each: impl FnMut(usize, IpAddr, Word)) {
        const AT_ONCE: usize = 64;
        let mut block = [IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED); AT_ONCE];
        let mut addrs = addrs.map(|addr| addr.to_canonical());
        for first in (0_usize..).step_by(AT_ONCE) {
            let mut count = 0;
            for (place, addr) in block.iter_mut().zip(&mut addrs) {
                *place = addr;
                count += 1;
                match (addr, &self.four) {
                    (IpAddr::V4(v4), Four::Direct(direct)) => direct.send_for(v4.to_bits()),
                    (IpAddr::V4(_), Four::Sorted { .. }) => {}
                    (IpAddr::V6(v6), _) => self.six.send_for(v6.to_bits()),
                }
            }
            for (number, addr) in block.iter().take(count).enumerate() {
                each(first.saturating_add(number), *addr, self.word(*addr));
            }
            if count < AT_ONCE {
                return;
            }
        }
    }

    #[inline]
    fn word(&self, addr: IpAddr) -> Word {
        match addr {
            IpAddr::V4(v4) => self.four.find(v4.to_bits()),
            IpAddr::V6(v6) => self.six.find(v6.to_bits()),
        }
    }

    /// Networks, each counted once.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.networks
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.networks == 0
    }

    /// Octets held for searching, values apart.
    #[must_use]
    pub fn octets(&self) -> usize {
        let four = match &self.four {
            Four::Direct(direct) => direct.octets(),
            Four::Sorted { from, words } => from.octets().saturating_add(words.len() * size_of::<Word>()),
        };
        four.saturating_add(self.six.octets())
    }
}

/// Of equal networks the last is taken. Host bits are dropped. Equal values are kept once.
impl<V: Clone + Eq + Hash> FromIterator<(IpNetwork, V)> for PrefixTable<V> {
    fn from_iter<I: IntoIterator<Item = (IpNetwork, V)>>(from: I) -> Self {
        let mut words: HashMap<IpNetwork, Word, RandomState> = HashMap::default();
        let mut known: HashMap<V, u32, RandomState> = HashMap::default();
        let mut values = Vec::new();
        for (network, value) in from {
            let network = canonical(network);
            let number = match known.get(&value) {
                Some(number) => *number,
                None => {
                    // More than 2^32 networks are not possible in memory.
                    let number = u32::try_from(values.len()).unwrap_or(u32::MAX);
                    values.push(value.clone());
                    known.insert(value, number);
                    number
                }
            };
            words.insert(network, Word::new(number, network.prefix()));
        }
        drop(known);
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for (network, &word) in &words {
            match network {
                IpNetwork::V4(net) => {
                    let (first, last) = (net.network().to_bits().into(), net.broadcast().to_bits().into());
                    four.push(Span { first, last, word });
                }
                IpNetwork::V6(net) => {
                    six.push(Span { first: net.network().to_bits(), last: net.broadcast().to_bits(), word });
                }
            }
        }
        let networks = words.len();
        drop(words);
        Self { values, networks, four: Four::new(four), six: Six::new(&flatten(six)) }
    }
}

impl<V> Default for PrefixTable<V> {
    fn default() -> Self {
        Self { values: Vec::new(), networks: 0, four: Four::new(Vec::new()), six: Six::default() }
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
                let from: Vec<u32> = steps.iter().filter_map(|step| u32::try_from(step.from).ok()).collect();
                Self::Sorted { from: Sorted::new(&from), words: steps.iter().map(|step| step.word).collect() }
            }
        }
    }

    #[inline]
    fn find(&self, addr: u32) -> Word {
        match self {
            Self::Direct(direct) => direct.find(addr),
            Self::Sorted { from, words } => from.last_up_to(addr).and_then(|at| words.get(at)).copied().unwrap_or(Word::NONE),
        }
    }
}

/// The network of a prefix length that an address is in.
#[inline]
fn masked(addr: IpAddr, prefix: u8) -> Option<IpNetwork> {
    let network = match addr {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix.into())?).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix.into())?).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    };
    IpNetwork::new(network, prefix).ok()
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
