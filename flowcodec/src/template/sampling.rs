//! Sampling rates as options records announce them, and the other things options records teach.
//!
//! A rate is the number of packets each sampled packet stands for (RFC 5477 and the older elements 34 and 50). Zero, missing or
//! absurd parameters leave it unknown.

use serde::{Deserialize, Serialize};

use super::TemplateField;
use crate::ie::ElementId;
use crate::wire::unsigned;

/// What a rate applies to, within one observation domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sampler {
    /// All records of the domain.
    Domain,
    /// Records that name this selector (element 302) or sampler (element 48).
    Selector(u64),
    /// Records of this interface.
    Interface(u32),
}

/// A rate that was learned or changed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SamplingChange {
    /// What it applies to.
    pub sampler: Sampler,
    /// The rate before, `None` when this is the first.
    pub before: Option<f64>,
    /// The rate now.
    pub rate: f64,
}

/// What became of something that was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Learned {
    /// It was known.
    Known,
    /// It is new.
    Change(SamplingChange),
    /// There is no room for it.
    Full,
}

/// What the records of an options template teach the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Role {
    /// Sampling parameters.
    pub(crate) sampling: bool,
    /// Element 160, the time the exporter booted.
    pub(crate) boot: bool,
    /// RFC 5610 type information.
    pub(crate) elements: bool,
}

impl Role {
    pub(crate) const NONE: Self = Self { sampling: false, boot: false, elements: false };

    pub(crate) fn of(fields: &[TemplateField]) -> Self {
        let has = |ids: &[u16]| fields.iter().any(|field| ids.iter().any(|&id| field.id() == ElementId::iana(id)));
        Self { sampling: has(&[34, 50, 305, 307, 309, 310, 311]), boot: has(&[160]), elements: has(&[346]) && has(&[303]) }
    }

    pub(crate) const fn is_none(self) -> bool {
        !(self.sampling || self.boot || self.elements)
    }
}

/// The samplers of one observation domain.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SamplingTable {
    // Sorted by sampler.
    rates: Vec<(Sampler, f64)>,
}

impl SamplingTable {
    /// Remembers a rate, of at most `cap` samplers.
    pub(crate) fn learn(&mut self, sampler: Sampler, rate: f64, cap: usize) -> Learned {
        match self.rates.binary_search_by_key(&sampler, |(sampler, _)| *sampler) {
            Ok(place) => match self.rates.get_mut(place) {
                Some((_, known)) if known.to_bits() != rate.to_bits() => {
                    let before = Some(core::mem::replace(known, rate));
                    Learned::Change(SamplingChange { sampler, before, rate })
                }
                _ => Learned::Known,
            },
            Err(place) if self.rates.len() < cap => {
                self.rates.insert(place, (sampler, rate));
                Learned::Change(SamplingChange { sampler, before: None, rate })
            }
            Err(_) => Learned::Full,
        }
    }

    fn rate(&self, sampler: Sampler) -> Option<f64> {
        let place = self.rates.binary_search_by_key(&sampler, |(sampler, _)| *sampler).ok()?;
        self.rates.get(place).map(|(_, rate)| *rate)
    }

    pub(crate) fn by_sampler(&self, id: u64) -> Option<f64> {
        self.rate(Sampler::Selector(id))
    }

    pub(crate) fn by_interface(&self, index: u32) -> Option<f64> {
        self.rate(Sampler::Interface(index))
    }

    pub(crate) fn for_domain(&self) -> Option<f64> {
        self.rate(Sampler::Domain)
    }

    pub(crate) fn has_interfaces(&self) -> bool {
        matches!(self.rates.last(), Some((Sampler::Interface(_), _)))
    }

    pub(crate) fn rates(&self) -> &[(Sampler, f64)] {
        &self.rates
    }
}

/// Reads the sampling parameters of one options record. `value` gives the octets of the first field of an element.
///
/// `Err` when the parameters say nothing usable.
pub(crate) fn announced<'a>(value: impl Fn(ElementId) -> Option<&'a [u8]>) -> Result<(Sampler, f64), ()> {
    let number = |id: u16| value(ElementId::iana(id)).and_then(unsigned);
    let sampler = match number(302).or_else(|| number(48)) {
        Some(id) => Sampler::Selector(id),
        None => match number(10).or_else(|| value(ElementId::NetFlow9Scope(2)).and_then(unsigned)) {
            // Interface 0 is no interface: exporters without interface numbers (softflowd) mean all they see.
            Some(index) if index != 0 => Sampler::Interface(u32::try_from(index).unwrap_or(u32::MAX)),
            _ => Sampler::Domain,
        },
    };
    let rate = match number(304) {
        Some(1) => number(305).zip(number(306)).and_then(|(packets, space)| systematic(packets, space)),
        Some(2) => number(307).zip(number(308)).and_then(|(time, space)| systematic(time, space)),
        Some(3) => number(309).zip(number(310)).and_then(|(size, population)| ratio(population, size)),
        Some(4) => value(ElementId::iana(311)).and_then(probability),
        _ => match (number(305), number(306), number(34), number(50)) {
            (Some(packets), Some(space), ..) => systematic(packets, space),
            (_, _, Some(packets), _) | (_, _, None, Some(packets)) => interval(packets),
            _ => match (number(309), number(310)) {
                (Some(size), Some(population)) => ratio(population, size),
                _ => value(ElementId::iana(311)).and_then(probability),
            },
        },
    };
    rate.map(|rate| (sampler, rate)).ok_or(())
}

/// `packets` in a row are taken, then `space` left out (elements 305 and 306).
pub(crate) fn systematic(packets: u64, space: u64) -> Option<f64> {
    ratio(packets.checked_add(space)?, packets)
}

/// One of `packets` is taken (elements 34 and 50).
pub(crate) fn interval(packets: u64) -> Option<f64> {
    ratio(packets, 1)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rates are far below 2^53")]
fn ratio(of: u64, taken: u64) -> Option<f64> {
    (taken != 0 && of >= taken).then(|| of as f64 / taken as f64)
}

/// Element 311: the probability of a packet to be taken, a float of 4 or 8 octets.
fn probability(octets: &[u8]) -> Option<f64> {
    let probability = match octets.len() {
        4 => f64::from(f32::from_be_bytes(*octets.first_chunk()?)),
        8 => f64::from_be_bytes(*octets.first_chunk()?),
        _ => return None,
    };
    (probability > 0.0 && probability <= 1.0).then(|| 1.0 / probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(u16, &'static [u8])]) -> Result<(Sampler, f64), ()> {
        announced(|id| values.iter().find(|(number, _)| ElementId::iana(*number) == id).map(|(_, octets)| *octets))
    }

    #[test]
    fn every_algorithm() {
        assert_eq!(of(&[(304, &[1]), (305, &[0, 1]), (306, &[0, 99])]), Ok((Sampler::Domain, 100.0)));
        assert_eq!(of(&[(304, &[3]), (309, &[2]), (310, &[5])]), Ok((Sampler::Domain, 2.5)));
        assert_eq!(of(&[(304, &[4]), (311, &[0x3f, 0x80, 0, 0])]), Ok((Sampler::Domain, 1.0)));
        assert_eq!(of(&[(48, &[7]), (49, &[2]), (50, &[0, 0, 4, 0])]), Ok((Sampler::Selector(7), 1024.0)));
        assert_eq!(of(&[(10, &[0, 3]), (34, &[0, 0, 0, 8])]), Ok((Sampler::Interface(3), 8.0)));
    }

    #[test]
    fn zero_and_missing_are_unknown() {
        assert_eq!(of(&[(34, &[0, 0, 0, 0])]), Err(()));
        assert_eq!(of(&[(304, &[1]), (305, &[0, 0]), (306, &[0, 99])]), Err(()));
        assert_eq!(of(&[(304, &[4]), (311, &[0, 0, 0, 0])]), Err(()));
    }

    #[test]
    fn a_change_is_told_once() {
        let mut table = SamplingTable::default();
        let change = |sampler, before, rate| Learned::Change(SamplingChange { sampler, before, rate });
        assert_eq!(table.learn(Sampler::Domain, 10.0, 2), change(Sampler::Domain, None, 10.0));
        assert_eq!(table.learn(Sampler::Domain, 10.0, 2), Learned::Known);
        assert_eq!(table.learn(Sampler::Domain, 20.0, 2), change(Sampler::Domain, Some(10.0), 20.0));
        assert_eq!(table.learn(Sampler::Selector(1), 5.0, 2), change(Sampler::Selector(1), None, 5.0));
        assert_eq!(table.learn(Sampler::Selector(2), 5.0, 2), Learned::Full);
        assert_eq!(table.learn(Sampler::Selector(1), 5.0, 2), Learned::Known);
        assert_eq!(table.by_sampler(2), None);
    }
}
