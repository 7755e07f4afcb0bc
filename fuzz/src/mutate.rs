//! Small repeatable changes to a seed, for tests that run without a fuzzer.

/// Changes seeds, always the same ways for the same start.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

/// Numbers that lengths, counts and ids go wrong at.
const NUMBERS: [u16; 20] = [0, 1, 2, 3, 4, 5, 7, 8, 16, 20, 47, 48, 255, 256, 257, 0x7fff, 0x8000, 0xfffe, 0xffff, 291];

impl Mutator {
    /// Starts a row of changes.
    #[must_use]
    pub const fn new(start: u64) -> Self {
        // The generator below must not begin at zero.
        Self { state: start | 1 << 63 }
    }

    /// A changed copy of `seed`; `other` is what pieces may be taken from.
    #[must_use]
    pub fn change(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut octets = seed.to_vec();
        for _ in 0..=self.below(6) {
            self.once(&mut octets, other);
        }
        octets
    }

    fn once(&mut self, octets: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(octets.len());
        match self.below(8) {
            0 => {
                let bit = 1 << self.below(8);
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= bit;
                }
            }
            1 | 2 => {
                let number = NUMBERS.get(self.below(NUMBERS.len())).copied().unwrap_or(0);
                self.put(octets, at & !1, number);
            }
            3 => {
                let near = octets.get(at & !1..).and_then(|rest| rest.first_chunk()).map_or(0, |two| u16::from_be_bytes(*two));
                let by = u16::try_from(self.below(9)).unwrap_or(0);
                self.put(octets, at & !1, near.wrapping_add(by).wrapping_sub(4));
            }
            4 => octets.truncate(at),
            5 => {
                let end = at.saturating_add(self.below(16)).min(octets.len());
                octets.drain(at..end);
            }
            6 => {
                let piece = other.get(self.below(other.len())..).unwrap_or_default();
                let piece = piece.get(..self.below(64)).unwrap_or(piece).to_vec();
                octets.splice(at..at, piece);
            }
            _ => {
                let end = at.saturating_add(self.below(64)).min(octets.len());
                let piece = octets.get(at..end).unwrap_or_default().to_vec();
                octets.splice(at..at, piece);
            }
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn put(&self, octets: &mut [u8], at: usize, number: u16) {
        if let Some(place) = octets.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = number.to_be_bytes();
        }
    }

    /// A number from 0 up to, not including, `end`; 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        // xorshift64
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 16).unwrap_or(0).checked_rem(end).unwrap_or(0)
    }
}
