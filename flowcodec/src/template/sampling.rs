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
    /// Records of the template with this id.
    Template(u16),
    /// Records of this line card.
    LineCard(u32),
    /// Records of this interface.
    Interface(u32),
}

/// A rate that was learned or changed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SamplingChange {
    /// What it applies to.
    pub sampler: Sampler,
    /// The rate before, `None` when it was not known.
    pub before: Option<f64>,
    /// The rate now, `None` when the exporter's parameters leave it unknown.
    pub rate: Option<f64>,
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
    /// Remembers a rate, of at most `cap` samplers; a rate that is not known any more is forgotten.
    pub(crate) fn learn(&mut self, sampler: Sampler, rate: Option<f64>, cap: usize) -> Learned {
        let before = self.rate(sampler);
        if before.map(f64::to_bits) == rate.map(f64::to_bits) {
            return Learned::Known;
        }
        match (self.rates.binary_search_by_key(&sampler, |(sampler, _)| *sampler), rate) {
            (Ok(place), Some(rate)) => {
                if let Some((_, known)) = self.rates.get_mut(place) {
                    *known = rate;
                }
            }
            (Ok(place), None) => {
                self.rates.remove(place);
            }
            (Err(place), Some(rate)) if self.rates.len() < cap => self.rates.insert(place, (sampler, rate)),
            (Err(_), _) => return Learned::Full,
        }
        Learned::Change(SamplingChange { sampler, before, rate })
    }

    /// The rate of one sampler.
    pub(crate) fn rate(&self, sampler: Sampler) -> Option<f64> {
        let place = self.rates.binary_search_by_key(&sampler, |(sampler, _)| *sampler).ok()?;
        self.rates.get(place).map(|(_, rate)| *rate)
    }

    pub(crate) fn has_interfaces(&self) -> bool {
        matches!(self.rates.last(), Some((Sampler::Interface(_), _)))
    }

    pub(crate) fn rates(&self) -> &[(Sampler, f64)] {
        &self.rates
    }
}

/// The elements that say a rate: 34 samplingInterval, 50 samplerRandomInterval, 304 selectorAlgorithm, 305 and 306 packets taken and left
/// out, 307 and 308 the same in time, 309 and 310 size and population, 311 probability.
pub(crate) const PARAMETERS: [u16; 10] = [34, 50, 304, 305, 306, 307, 308, 309, 310, 311];

/// The rate that these parameters say, in the order of [`PARAMETERS`].
pub(crate) fn rate(octets: [Option<&[u8]>; PARAMETERS.len()]) -> Option<f64> {
    let [interval, random, algorithm, taken, left_out, time, pause, size, population, probability] = octets;
    let number = |octets: Option<&[u8]>| octets.and_then(unsigned);
    let count = || number(taken).zip(number(left_out)).and_then(|(taken, left_out)| ratio(taken.checked_add(left_out)?, taken));
    let duration = || number(time).zip(number(pause)).and_then(|(time, pause)| ratio(time.checked_add(pause)?, time));
    let n_of_n = || number(size).zip(number(population)).and_then(|(size, population)| ratio(population, size));
    let probable = || probability.and_then(one_in);
    match number(algorithm) {
        Some(1) => count(),
        Some(2) => duration(),
        Some(3) => n_of_n(),
        Some(4) => probable(),
        _ => count()
            .or_else(|| number(interval).or_else(|| number(random)).and_then(|packets| ratio(packets, 1)))
            .or_else(n_of_n)
            .or_else(probable),
    }
}

/// Reads one options record: what its parameters apply to, and the rate, `None` when they say nothing usable. `value` gives the octets
/// of the first field of an element.
pub(crate) fn announced<'a>(value: impl Fn(ElementId) -> Option<&'a [u8]>) -> (Sampler, Option<f64>) {
    let number = |id: ElementId| value(id).and_then(unsigned);
    let selector = || number(ElementId::iana(302)).or_else(|| number(ElementId::iana(48))).map(Sampler::Selector);
    // Interface 0 is no interface: exporters without interface numbers (softflowd) mean all they see.
    let interface = || {
        let index = number(ElementId::iana(10)).or_else(|| number(ElementId::NetFlow9Scope(2))).filter(|&index| index != 0)?;
        Some(Sampler::Interface(u32::try_from(index).ok()?))
    };
    let template = || {
        let id = number(ElementId::iana(145)).or_else(|| number(ElementId::NetFlow9Scope(5)))?;
        Some(Sampler::Template(u16::try_from(id).ok()?))
    };
    let line_card = || {
        let id = number(ElementId::iana(141)).or_else(|| number(ElementId::NetFlow9Scope(3)))?;
        Some(Sampler::LineCard(u32::try_from(id).ok()?))
    };
    let sampler = selector().or_else(interface).or_else(template).or_else(line_card).unwrap_or(Sampler::Domain);
    (sampler, rate(PARAMETERS.map(|id| value(ElementId::iana(id)))))
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rates are far below 2^53")]
fn ratio(of: u64, taken: u64) -> Option<f64> {
    (taken != 0 && of >= taken).then(|| of as f64 / taken as f64)
}

/// Element 311: the probability of a packet to be taken, a float of 4 or 8 octets.
fn one_in(octets: &[u8]) -> Option<f64> {
    let probability = match octets.len() {
        4 => f64::from(f32::from_be_bytes(*octets.first_chunk()?)),
        8 => f64::from_be_bytes(*octets.first_chunk()?),
        _ => return None,
    };
    let rate = 1.0 / probability;
    (probability > 0.0 && probability <= 1.0 && rate.is_finite()).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(u16, &'static [u8])]) -> (Sampler, Option<f64>) {
        announced(|id| values.iter().find(|(number, _)| ElementId::iana(*number) == id).map(|(_, octets)| *octets))
    }

    #[test]
    fn every_algorithm() {
        assert_eq!(of(&[(304, &[1]), (305, &[0, 1]), (306, &[0, 99])]), (Sampler::Domain, Some(100.0)));
        assert_eq!(of(&[(304, &[2]), (307, &[1]), (308, &[3])]), (Sampler::Domain, Some(4.0)));
        assert_eq!(of(&[(304, &[3]), (309, &[2]), (310, &[5])]), (Sampler::Domain, Some(2.5)));
        assert_eq!(of(&[(304, &[4]), (311, &[0x3e, 0x80, 0, 0])]), (Sampler::Domain, Some(4.0)));
        assert_eq!(of(&[(48, &[7]), (49, &[2]), (50, &[0, 0, 4, 0])]), (Sampler::Selector(7), Some(1024.0)));
        assert_eq!(of(&[(10, &[0, 3]), (34, &[0, 0, 0, 8])]), (Sampler::Interface(3), Some(8.0)));
        assert_eq!(of(&[(141, &[2]), (34, &[0, 8])]), (Sampler::LineCard(2), Some(8.0)));
        assert_eq!(of(&[(145, &[1, 0]), (34, &[0, 8])]), (Sampler::Template(256), Some(8.0)));
        assert_eq!(of(&[(10, &[0, 0]), (34, &[0, 0, 0, 8])]), (Sampler::Domain, Some(8.0)));
    }

    #[test]
    fn zero_and_missing_are_unknown() {
        assert_eq!(of(&[(34, &[0, 0, 0, 0])]), (Sampler::Domain, None));
        assert_eq!(of(&[(304, &[1]), (305, &[0, 0]), (306, &[0, 99])]), (Sampler::Domain, None));
        assert_eq!(of(&[(304, &[4]), (311, &[0, 0, 0, 0])]), (Sampler::Domain, None));
        assert_eq!(of(&[(304, &[4]), (311, &[0, 0, 0, 0, 0, 0, 0, 1])]), (Sampler::Domain, None), "one in infinity");
        assert_eq!(of(&[(305, &[0, 7])]), (Sampler::Domain, None), "the space is missing");
    }

    #[test]
    fn a_change_is_told_once() {
        let mut table = SamplingTable::default();
        let change = |sampler, before, rate| Learned::Change(SamplingChange { sampler, before, rate });
        assert_eq!(table.learn(Sampler::Domain, Some(10.0), 2), change(Sampler::Domain, None, Some(10.0)));
        assert_eq!(table.learn(Sampler::Domain, Some(10.0), 2), Learned::Known);
        assert_eq!(table.learn(Sampler::Domain, Some(20.0), 2), change(Sampler::Domain, Some(10.0), Some(20.0)));
        assert_eq!(table.learn(Sampler::Selector(1), Some(5.0), 2), change(Sampler::Selector(1), None, Some(5.0)));
        assert_eq!(table.learn(Sampler::Selector(2), Some(5.0), 2), Learned::Full);
        assert_eq!(table.learn(Sampler::Selector(2), None, 2), Learned::Known);
        assert_eq!(table.learn(Sampler::Selector(1), None, 2), change(Sampler::Selector(1), Some(5.0), None));
        assert_eq!(table.rate(Sampler::Selector(1)), None);
    }
}
