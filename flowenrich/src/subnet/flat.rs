//! Nested prefixes laid flat: who wins from which address on.

/// A prefix as its first and last address, and its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: u128,
    pub(super) last: u128,
    pub(super) number: u32,
}

/// "None" among the numbers of prefixes.
pub(super) const NONE: u32 = u32::MAX;

/// From an address on, until the next step, this prefix wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: u128,
    pub(super) number: u32,
}

/// Lays prefixes flat. They are either apart or one inside the other, and no two are equal. The first step is at 0; neighbours differ.
pub(super) fn flatten(mut spans: Vec<Span>) -> Vec<Step> {
    // An outer prefix stands in front of those inside it.
    spans.sort_unstable_by_key(|span| (span.first, u128::MAX - span.last));
    let mut steps = vec![Step { from: 0, number: NONE }];
    let mut open: Vec<Span> = Vec::new();
    for span in spans {
        close(&mut open, &mut steps, Some(span.first));
        push(&mut steps, span.first, span.number);
        open.push(span);
    }
    close(&mut open, &mut steps, None);
    steps
}

/// Ends the open prefixes that end in front of `until`: from there on the one around them wins again.
fn close(open: &mut Vec<Span>, steps: &mut Vec<Step>, until: Option<u128>) {
    while let Some(ended) = open.pop_if(|inner| until.is_none_or(|until| inner.last < until)) {
        let outer = open.last().map_or(NONE, |outer| outer.number);
        if let Some(behind) = ended.last.checked_add(1) {
            push(steps, behind, outer);
        }
    }
}

fn push(steps: &mut Vec<Step>, from: u128, number: u32) {
    if steps.last().is_some_and(|last| last.from == from) {
        steps.pop();
    }
    if steps.last().is_none_or(|last| last.number != number) {
        steps.push(Step { from, number });
    }
}
