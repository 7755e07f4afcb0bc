//! What an index is: an address and a time in, an answer out.

use std::net::IpAddr;

use flowcodec::Timestamp;

/// A network or site in which the same address means another thing than elsewhere: a user-defined network (`vms/blue`), a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scope<'s>(&'s str);

impl<'s> Scope<'s> {
    /// Where addresses mean what they mean when nobody says more.
    pub const DEFAULT: Scope<'static> = Scope("");

    /// A named one; the empty name is [`DEFAULT`](Self::DEFAULT).
    #[must_use]
    pub const fn named(name: &'s str) -> Self {
        Self(name)
    }

    /// Its name, empty for the default.
    #[must_use]
    #[inline]
    pub const fn name(self) -> &'s str {
        self.0
    }

    /// Whether it is the default.
    #[must_use]
    #[inline]
    pub const fn is_default(self) -> bool {
        self.0.is_empty()
    }
}

/// The transport end at an address, which tells node ports and shared addresses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Port {
    /// TCP, UDP or SCTP port.
    pub number: u16,
    /// IP protocol number, when known.
    pub protocol: Option<u8>,
}

/// What is asked for: an address, where, and at which port.
///
/// An IPv4-mapped address is the IPv4 address: `::ffff:192.0.2.1` and `192.0.2.1` are one key.
///
/// ```
/// use flowenrich::{AddrKey, Scope};
/// let key = AddrKey::new("::ffff:10.96.0.10".parse()?).at_port(53, Some(17)).in_scope(Scope::named("east"));
/// assert_eq!(key.addr(), "10.96.0.10".parse::<std::net::IpAddr>()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddrKey<'s> {
    addr: IpAddr,
    scope: Scope<'s>,
    port: Option<Port>,
}

impl<'s> AddrKey<'s> {
    /// An address in the default scope, its port unknown.
    #[must_use]
    #[inline]
    pub const fn new(addr: IpAddr) -> Self {
        Self { addr: addr.to_canonical(), scope: Scope::DEFAULT, port: None }
    }

    /// The same address in a scope.
    #[must_use]
    #[inline]
    pub const fn in_scope(self, scope: Scope<'s>) -> Self {
        Self { scope, ..self }
    }

    /// The same address, and the port that was spoken to or from; `protocol` is the IP protocol number.
    #[must_use]
    #[inline]
    pub const fn at_port(self, number: u16, protocol: Option<u8>) -> Self {
        Self { port: Some(Port { number, protocol }), ..self }
    }

    /// The address; never an IPv4-mapped one.
    #[must_use]
    #[inline]
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The scope.
    #[must_use]
    #[inline]
    pub const fn scope(&self) -> Scope<'s> {
        self.scope
    }

    /// The port, when known.
    #[must_use]
    #[inline]
    pub const fn port(&self) -> Option<Port> {
        self.port
    }
}

impl From<IpAddr> for AddrKey<'_> {
    fn from(addr: IpAddr) -> Self {
        Self::new(addr)
    }
}

/// What an index answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "these four are the whole contract between an index and who asks it")]
pub enum Found<T> {
    /// This one.
    One(T),
    /// Several have equal right; the answer says which.
    Ambiguous(T),
    /// None that is known.
    Nothing,
    /// The index is not complete yet, so that "none" would be a guess.
    NotSynced,
}

impl<T> Found<T> {
    /// The answer, ambiguous or not.
    #[must_use]
    pub fn answer(self) -> Option<T> {
        match self {
            Self::One(answer) | Self::Ambiguous(answer) => Some(answer),
            Self::Nothing | Self::NotSynced => None,
        }
    }

    /// The answer, if there is exactly one.
    #[must_use]
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(answer) => Some(answer),
            _ => None,
        }
    }

    /// The same finding, its answer borrowed.
    #[must_use]
    pub const fn as_ref(&self) -> Found<&T> {
        match self {
            Self::One(answer) => Found::One(answer),
            Self::Ambiguous(answer) => Found::Ambiguous(answer),
            Self::Nothing => Found::Nothing,
            Self::NotSynced => Found::NotSynced,
        }
    }

    /// The same finding about something made of the answer.
    #[must_use]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::One(answer) => Found::One(f(answer)),
            Self::Ambiguous(answer) => Found::Ambiguous(f(answer)),
            Self::Nothing => Found::Nothing,
            Self::NotSynced => Found::NotSynced,
        }
    }
}

impl<T> From<Option<T>> for Found<T> {
    fn from(answer: Option<T>) -> Self {
        answer.map_or(Self::Nothing, Self::One)
    }
}

/// An index: an immutable value that never blocks, whose answers borrow from it.
///
/// Live indices are replaced as a whole ([`Live`](crate::Live)); whoever asks takes the current one once for many questions.
pub trait Lookup {
    /// What is known of an address.
    type Answer<'a>
    where
        Self: 'a;

    /// Who had `key` at the time `at`.
    fn lookup<'a>(&'a self, key: AddrKey<'_>, at: Timestamp) -> Found<Self::Answer<'a>>;

    /// The same for many, which comes cheaper where an index can let them wait for memory together. `each` gets the place of a question and
    /// the finding, in order.
    fn lookup_all<'a>(&'a self, questions: &[Question<'_>], mut each: impl FnMut(usize, Found<Self::Answer<'a>>)) {
        for (place, question) in questions.iter().enumerate() {
            each(place, self.lookup(question.key, question.at));
        }
    }
}

/// One of many questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the arguments of `Lookup::lookup`")]
pub struct Question<'s> {
    /// What is asked for.
    pub key: AddrKey<'s>,
    /// For which time.
    pub at: Timestamp,
}
