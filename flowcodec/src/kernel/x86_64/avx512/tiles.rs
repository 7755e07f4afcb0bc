//! Cells of columns for 8 records at a time: which octets go where, and the walk from tile to tile.

use core::ops::Range;

use super::super::shape::{Frame, Room, Slots, Times};
use super::super::{Arena, Cell, Clock, TILE};
use super::tile::tile;
use super::{Clocks, LINE, able};

/// Records of a tile.
const RECORDS: usize = 8;

/// Records of half a tile: of a rest that is no longer, only these are read.
const HALF: usize = 4;

/// Octets that the windows of a frame cover at most: a register, and half of one.
const REACH: usize = LINE + LINE / 2;

/// Columns as frames. There is one only where the processor has AVX-512 F, BW, DQ and VBMI.
#[derive(Debug, Clone)]
pub(crate) struct Tiles {
    frames: Box<[Line]>,
    room: Room,
}

/// A frame as one register of each record. What is loaded as a register comes first, for it must not cross lines of the cache.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Line {
    /// Of one window: which octets of two records are laid side by side, in the two registers that these make. Of two windows: which
    /// octets of a record its register takes, twice.
    pub(super) from: [[u8; LINE]; 2],
    /// What stands in wide cells beside that: of each of them in four records.
    pub(super) prefix: [[u8; LINE]; 4],
    pub(super) factors: [[u8; LINE]; 2],
    pub(super) most: [[u8; LINE]; 2],
    pub(super) arrange: [[u8; LINE]; 2],
    pub(super) taken: [u64; 2],
    pub(super) slots: Slots,
    pub(super) times: Times,
    /// Where in a record the window begins, or the two that stand one behind the other.
    first: usize,
    two: bool,
    wide: bool,
}

impl Tiles {
    /// `None` where the processor lacks a feature, or the moves reach too far.
    pub(in super::super) fn new(cells: &[Cell], octets: usize) -> Option<Self> {
        if !able() || cells.is_empty() {
            return None;
        }
        let first = cells.iter().map(|cell| cell.octets.from).min()?;
        let frames = Frame::pack(cells, REACH)?.iter().map(|frame| Line::new(frame, cells, first)).collect::<Option<_>>()?;
        Some(Self { frames, room: Room::new(cells, octets)? })
    }

    #[inline]
    pub(in super::super) fn run(
        &self,
        octets: &[u8],
        records: usize,
        length: usize,
        clock: Option<Clock>,
        arena: &mut Arena,
        row: usize,
    ) {
        if records == 0 || !self.room.holds(arena, row, records.saturating_add(TILE)) {
            return;
        }
        for line in &self.frames {
            let fill = match (line.wide, line.two) {
                (true, false) => fill::<true, false>,
                (true, true) => fill::<true, true>,
                (false, false) => fill::<false, false>,
                (false, true) => fill::<false, true>,
            };
            #[expect(unsafe_code, reason = "a call that needs features of the processor, and leaves the bounds to its caller")]
            // SAFETY: `new` makes a value of this type only where `able` has found in this processor what `fill` is compiled with. The
            // arena has room for these rows, and for a tile behind them.
            unsafe {
                fill(line, clock, octets, records, length, arena.place(), row);
            }
        }
    }
}

impl Line {
    /// `earliest` is where the moved octets of any frame begin.
    fn new(frame: &Frame, cells: &[Cell], earliest: usize) -> Option<Self> {
        let Range { start: begin, end } = frame.span(cells)?;
        let two = end.checked_sub(begin)? > LINE;
        // Moved back, so that no more is read behind the last octet than needs be.
        let first = begin.min(end.saturating_sub(if two { REACH } else { LINE }).max(earliest));
        let numbers = |of: fn(u32) -> i64| match frame.times {
            Times::Scale(factors) => factors.map(|factor| {
                let mut line = [0; LINE];
                line.as_chunks_mut().0.fill(of(factor).to_ne_bytes());
                line
            }),
            Times::Plain | Times::Ago => [[0; LINE]; 2],
        };
        let mut line = Self {
            from: [[0; LINE]; 2],
            prefix: [[0; LINE]; 4],
            factors: numbers(i64::from),
            most: numbers(|factor| i64::MAX.checked_div(i64::from(factor)).unwrap_or(i64::MAX)),
            arrange: [frame.arrangement(cells, 0), frame.arrangement(cells, 1)],
            taken: [0; 2],
            slots: frame.slots(cells),
            times: frame.times,
            first,
            two,
            wide: frame.wide,
        };
        for (cell, at) in frame.cells(cells) {
            if cell.mapped {
                line.prefix.get_mut(at / 16)?.as_chunks_mut::<16>().0.iter_mut().for_each(|cell| cell[10..12].fill(0xff));
            }
            for (from, to) in cell.octets.octets() {
                let (from, to) = (from.checked_sub(first)?, to.checked_add(at)?);
                if two {
                    line.take(0, from, to)?;
                    line.take(1, from, to)?;
                    continue;
                }
                // Of the first record, and of the second behind it.
                let (register, to, step) = if frame.wide { (to / 32, to % 32, 32) } else { (to / 8 % 2, to & !0b1000, 8) };
                line.take(register, from, to)?;
                line.take(register, from.checked_add(LINE)?, to.checked_add(step)?)?;
            }
        }
        Some(line)
    }

    fn take(&mut self, register: usize, from: usize, to: usize) -> Option<()> {
        *self.from.get_mut(register)?.get_mut(to)? = u8::try_from(from).ok().filter(|from| usize::from(*from) < 2 * LINE)?;
        *self.taken.get_mut(register)? |= 1_u64.checked_shl(u32::try_from(to).ok()?)?;
        Some(())
    }
}

/// Fills the columns of a frame for so many records: `WIDE` and `TWO` are the line's, so that they are not asked for tile by tile.
///
/// # Safety
/// `place` is that of an arena in which each column of the line's slots has room for the rows from `row` on, and for a tile behind them.
#[expect(unsafe_code, reason = "the bounds are the caller's")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
unsafe fn fill<const WIDE: bool, const TWO: bool>(
    line: &Line,
    clock: Option<Clock>,
    octets: &[u8],
    records: usize,
    length: usize,
    place: *mut u8,
    row: usize,
) {
    let clocks = Clocks::new(clock);
    let reach = if TWO { REACH } else { LINE };
    let mut next = 0_usize;
    while next < records {
        // The last tile begins early enough to be a whole one, or half of one.
        let half = records.saturating_sub(next) <= HALF || records < RECORDS;
        let size = if half { HALF } else { RECORDS };
        let number = next.min(records.saturating_sub(size));
        let start = number.saturating_mul(length).saturating_add(line.first);
        // All but its last record have whole windows, which may reach into the records behind.
        let whole = length.saturating_mul(size.saturating_sub(2)).saturating_add(reach);
        let copies;
        let (from, step) = match octets.get(start..) {
            Some(rest) if records >= size && rest.len() >= whole => (rest, length),
            _ => {
                copies = copied(octets, start, length, records.saturating_sub(number));
                (copies.as_flattened(), REACH)
            }
        };
        // SAFETY: behind all but the last of 8 records, or of 4, there are the octets of a window: so many of `rest`, and all of the
        // copies. The tile ends with the last record, or is half a one and ends 4 rows behind it, or is the only one; the caller promises
        // room for all of them.
        unsafe {
            tile::<WIDE, TWO>(line, &clocks, from, step, half, place, row.wrapping_add(number));
        }
        next = next.saturating_add(size);
    }
}

/// What the windows of some records cover from `start` on, behind the end of `octets` zeros; when there are fewer than a tile takes, the
/// last stands again.
#[cold]
#[inline(never)]
fn copied(octets: &[u8], start: usize, length: usize, records: usize) -> [[u8; REACH]; RECORDS] {
    let mut copies = [[0; REACH]; RECORDS];
    for (number, copy) in copies.iter_mut().enumerate() {
        let start = number.min(records.saturating_sub(1)).saturating_mul(length).saturating_add(start);
        copy.iter_mut().zip(octets.get(start..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
    }
    copies
}
