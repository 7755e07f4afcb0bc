//! Nested prefixes laid flat: who wins from which address on.

/// A prefix as its first and last address, and its [`Word`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: u128,
    pub(super) last: u128,
    pub(super) word: Word,
}

/// What an address leads to: which of the distinct values, and the length of the prefix that won. One word, so that a look-up ends where it
/// finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    /// No prefix.
    pub(super) const NONE: Self = Self(u64::MAX);

    pub(super) fn new(value: u32, prefix: u8) -> Self {
        Self((u64::from(value) << 8) | u64::from(prefix))
    }

    /// Number of the value, and the length of the prefix.
    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "cut into its two parts")]
    pub(super) fn parts(self) -> Option<(usize, u8)> {
        (self != Self::NONE).then_some(((self.0 >> 8) as u32 as usize, self.0 as u8))
    }

    /// The same in 31 bits, the upper 25 of them the value; `None` for a value that does not fit.
    pub(super) fn to_short(self) -> Option<u32> {
        let Some((value, prefix)) = self.parts() else { return Some(Self::SHORT_NONE) };
        let value = u32::try_from(value).ok().filter(|value| *value < (1 << 25) - 1)?;
        Some((value << 6) | u32::from(prefix))
    }

    #[inline]
    pub(super) fn from_short(short: u32) -> Self {
        if short == Self::SHORT_NONE { Self::NONE } else { Self((u64::from(short >> 6) << 8) | u64::from(short & 0x3f)) }
    }

    pub(super) const SHORT_NONE: u32 = u32::MAX >> 1;
}

/// From an address on, until the next step, this prefix wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: u128,
    pub(super) word: Word,
}

/// Lays prefixes flat. They are either apart or one inside the other, and no two are equal. The first step is at 0; neighbours differ.
pub(super) fn flatten(mut spans: Vec<Span>) -> Vec<Step> {
    // An outer prefix stands in front of those inside it.
    spans.sort_unstable_by_key(|span| (span.first, u128::MAX - span.last));
    let mut steps = vec![Step { from: 0, word: Word::NONE }];
    let mut open: Vec<Span> = Vec::new();
    for span in spans {
        close(&mut open, &mut steps, Some(span.first));
        push(&mut steps, span.first, span.word);
        open.push(span);
    }
    close(&mut open, &mut steps, None);
    steps
}

/// Ends the open prefixes that end in front of `until`: from there on the one around them wins again.
fn close(open: &mut Vec<Span>, steps: &mut Vec<Step>, until: Option<u128>) {
    while let Some(ended) = open.pop_if(|inner| until.is_none_or(|until| inner.last < until)) {
        let outer = open.last().map_or(Word::NONE, |outer| outer.word);
        if let Some(behind) = ended.last.checked_add(1) {
            push(steps, behind, outer);
        }
    }
}

fn push(steps: &mut Vec<Step>, from: u128, word: Word) {
    if steps.last().is_some_and(|last| last.from == from) {
        steps.pop();
    }
    if steps.last().is_none_or(|last| last.word != word) {
        steps.push(Step { from, word });
    }
}
