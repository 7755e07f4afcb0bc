//! Labels by network, the longest prefix winning.
//!
//! A table is frozen once it is built, and replaced as a whole through [`Live`](crate::Live): readers never see half of a change.
//!
//! ```
//! use flowcodec::Timestamp;
//! use flowenrich::subnet::Subnets;
//! use flowenrich::{AddrKey, Live, Lookup, Source};
//!
//! let live = Live::new(Subnets::read("10.0.0.0/8,office\n10.20.0.0/16,printers\n2001:db8::/32,lab\n".as_bytes())?);
//! let table = live.current();
//! let label = |addr: &str| table.lookup(AddrKey::new(addr.parse().unwrap()), Timestamp::EPOCH).one().map(|subnet| subnet.label);
//! assert_eq!((label("10.20.1.1"), label("10.3.1.1"), label("192.0.2.1")), (Some("printers"), Some("office"), None));
//! # Ok::<(), flowenrich::ReadError>(())
//! ```

mod direct;
mod flat;
mod six;
mod sorted;
mod table;

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use flowcodec::Timestamp;
use flowcodec::model::{FieldDef, FieldSpec, String as TextField, Unit};
use ipnetwork::{IpNetwork, Ipv4Network};

pub use table::PrefixTable;

use crate::cells::{Annotate, Cells};
use crate::lookup::{AddrKey, Found, Lookup, Question};
use crate::read::{ReadError, lines};

/// Labels of networks, for each scope its own.
#[derive(Debug, Clone, Default)]
pub struct Subnets {
    here: PrefixTable<Arc<str>>,
    scopes: HashMap<Box<str>, PrefixTable<Arc<str>>>,
}

/// The network an address is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Subnet<'a> {
    /// Its label.
    pub label: &'a str,
    /// The network.
    pub network: IpNetwork,
}

impl Subnets {
    /// From networks of the default scope and their labels. Of equal networks the last is taken.
    pub fn new<L: AsRef<str>>(labels: impl IntoIterator<Item = (IpNetwork, L)>) -> Self {
        let mut known: HashSet<Arc<str>> = HashSet::new();
        let mut share = |label: &str| match known.get(label) {
            Some(label) => Arc::clone(label),
            None => {
                let label = Arc::<str>::from(label);
                known.insert(Arc::clone(&label));
                label
            }
        };
        let here = labels.into_iter().map(|(network, label)| (network, share(label.as_ref()))).collect();
        Self { here, scopes: HashMap::new() }
    }

    /// The same, and the networks of a scope in which addresses mean something else; `other` counts there alone.
    #[must_use]
    pub fn with_scope(mut self, name: &str, other: Self) -> Self {
        self.scopes.insert(name.into(), other.here);
        self
    }

    /// Reads lines of `network,label`. A label may stand in quotes (`""` in it is a quote); empty lines and such that begin with `#` are
    /// passed over; an address without a prefix length is a network of one.
    ///
    /// # Errors
    /// At the first line that is none of these, which is named. Nothing is taken then.
    pub fn read(from: impl BufRead) -> Result<Self, ReadError> {
        let mut labels = Vec::new();
        lines(from, |line| {
            let (network, label) = line.split_once(',').ok_or_else(|| format!("'{line}' has no comma"))?;
            let network = network.trim();
            let network = network.parse().map_err(|error| format!("'{network}' is no network: {error}"))?;
            let label = unquoted(label.trim()).ok_or_else(|| format!("{label} is badly quoted"))?;
            labels.push((network, label));
            Ok(())
        })?;
        Ok(Self::new(labels))
    }

    /// How many networks of the default scope there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.here.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets held for searching, labels apart.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.scopes.values().fold(self.here.octets(), |sum, table| sum.saturating_add(table.octets()))
    }
}

impl Lookup for Subnets {
    type Answer<'a> = Subnet<'a>;

    fn lookup<'a>(&'a self, key: AddrKey<'_>, _at: Timestamp) -> Found<Subnet<'a>> {
        let table = if key.scope().is_default() { Some(&self.here) } else { self.scopes.get(key.scope().name()) };
        let found = table.and_then(|table| table.find(key.addr()));
        found.map(|(network, label)| Subnet { label, network }).into()
    }

    fn lookup_all<'a>(&'a self, questions: &[Question<'_>], mut each: impl FnMut(usize, Found<Subnet<'a>>)) {
        if questions.iter().any(|question| !question.key.scope().is_default()) {
            for (place, question) in questions.iter().enumerate() {
                each(place, self.lookup(question.key, question.at));
            }
            return;
        }
        self.here.find_all(questions.iter().map(|question| question.key.addr()), |place, found| {
            each(place, found.map(|(network, label)| Subnet { label, network }).into());
        });
    }
}

static LABEL: FieldDef<TextField> = FieldDef::new("subnet", Unit::None, "Label of the longest network the address is in.", &[]);
static NETWORK: FieldDef<TextField> = FieldDef::new("subnet_cidr", Unit::None, "That network, with its prefix length.", &[]);

impl Annotate for Subnets {
    fn fields() -> Vec<FieldSpec> {
        vec![LABEL.spec(), NETWORK.spec()]
    }

    fn write(found: Found<Subnet<'_>>, cells: &mut Cells<'_>) {
        if let Some(Subnet { label, network }) = found.answer() {
            cells.text(0, label);
            match network {
                IpNetwork::V4(network) => {
                    let (text, len) = written(network);
                    cells.text(1, text.get(..len).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default());
                }
                IpNetwork::V6(_) => cells.text(1, &network.to_string()),
            }
        }
    }
}

/// A network as text, and how many octets that is: formatting four numbers for each row would cost more than finding the network.
fn written(network: Ipv4Network) -> ([u8; 20], usize) {
    let [a, b, c, d] = network.network().octets();
    let (mut text, mut at) = ([0; 20], 0_usize);
    for (number, behind) in [(a, b'.'), (b, b'.'), (c, b'.'), (d, b'/'), (network.prefix(), 0)] {
        let (digits, count) = DECIMALS.get(usize::from(number)).copied().unwrap_or_default();
        // Three digits are written always; of fewer the next number takes the places.
        let (Some(to), Some(sign)) = (text.get_mut(at..at.saturating_add(3)), at.checked_add(count)) else { break };
        to.copy_from_slice(&digits);
        at = sign;
        if behind != 0
            && let Some(to) = text.get_mut(at)
        {
            *to = behind;
            at = at.saturating_add(1);
        }
    }
    (text, at)
}

/// Numbers of an octet: digits, and how many there are.
static DECIMALS: [([u8; 3], usize); 256] = {
    let (mut all, mut number) = ([([0; 3], 0); 256], 0_u8);
    loop {
        #[expect(
            clippy::indexing_slicing,
            clippy::as_conversions,
            reason = "evaluated by the compiler, which refuses what is out of bounds"
        )]
        {
            let [a, b, c] = [b'0' + number / 100, b'0' + number / 10 % 10, b'0' + number % 10];
            all[number as usize] = match number {
                100.. => ([a, b, c], 3),
                10.. => ([b, c, 0], 2),
                _ => ([c, 0, 0], 1),
            };
        }
        if number == u8::MAX {
            break all;
        }
        number += 1;
    }
};

/// A label with its quotes taken off; `None` when they do not fit.
fn unquoted(label: &str) -> Option<String> {
    let Some(rest) = label.strip_prefix('"') else {
        return (!label.contains('"')).then(|| label.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let plain = inner.replace("\"\"", "");
    (!plain.contains('"')).then(|| inner.replace("\"\"", "\""))
}
