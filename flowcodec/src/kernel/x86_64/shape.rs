//! How the cells of columns are packed into what one record gives: frames of 64 octets.
//!
//! A wide frame is 4 cells of 16 octets. All others have one shape, so that the code that writes them has little to ask: 8 lanes of 8
//! octets, which are two numbers, two more that may be times, four numbers of 4 octets, and 16 octets of smaller cells.

use core::ops::Range;

use super::{Arena, Cell, Number};

/// Cells of one frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) wide: bool,
    pub(super) times: Times,
    /// Their numbers, and where in the frame they stand.
    cells: Vec<(usize, usize)>,
    /// Octets of the lanes of smaller cells that are taken.
    small: usize,
}

/// What becomes of the numbers of the third and fourth lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Times {
    #[default]
    Plain,
    /// They are multiplied by these, and held at `i64::MAX`.
    Scale([u32; 2]),
    Ago,
}

/// Where in the arena the columns of a frame begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    /// Columns of wide cells.
    pub(super) wide: [Option<usize>; 4],
    /// Numbers of the first four lanes.
    pub(super) longs: [Option<usize>; 4],
    pub(super) quads: [Option<usize>; 4],
    pub(super) small: Small,
}

/// Where columns of smaller cells begin: each quarter of their lanes is one of two octets, or two of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Small {
    /// Of cells of one octet, two; the same twice where there is one.
    pub(super) columns: [[usize; 2]; 8],
    /// So many quarters are of cells of two octets, and stand in front.
    pub(super) pairs: usize,
    /// So many are taken.
    pub(super) quarters: usize,
}

impl Small {
    /// The next column, whose cells have so many octets; those of two come first.
    fn add(&mut self, column: usize, width: usize, at: usize) {
        let Some(columns) = self.columns.get_mut(at / 2) else { return };
        if at.is_multiple_of(2) {
            *columns = [column; 2];
            self.quarters = self.quarters.saturating_add(1);
            self.pairs = self.pairs.saturating_add(usize::from(width == 2));
        } else {
            let [_, second] = columns;
            *second = column;
        }
    }
}

/// Columns of an arena: how long it is at least, and how many rows they have there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    octets: usize,
    rows: usize,
}

impl Room {
    /// For these columns.
    pub(super) fn new(cells: &[Cell], octets: usize) -> Option<Self> {
        let rows = |cell: &Cell| octets.checked_sub(cell.column)?.checked_div(cell.width);
        Some(Self { octets, rows: cells.iter().map(rows).collect::<Option<Vec<_>>>()?.into_iter().min()? })
    }

    /// Whether so many rows from `row` on lie within the arena, in each column.
    #[inline]
    pub(super) fn holds(&self, arena: &Arena, row: usize, rows: usize) -> bool {
        arena.len() >= self.octets && row.checked_add(rows).is_some_and(|end| end <= self.rows)
    }
}

/// Where lanes begin that are shuffled once more.
const QUADS: usize = 32;
const SMALL: usize = 48;

impl Frame {
    /// Packs cells into frames that need no more than so many octets of a record in a row. `None` where a cell has a width that does not
    /// occur in them.
    pub(super) fn pack(cells: &[Cell], reach: usize) -> Option<Vec<Self>> {
        let mut frames: Vec<Self> = Vec::new();
        // Times go first, for plain numbers can stand in their places too; and of the smaller cells those of two octets.
        let mut order: Vec<(usize, &Cell)> = cells.iter().enumerate().collect();
        order.sort_by_key(|(_, cell)| (cell.number == Number::Plain, cell.width == 1));
        for (number, cell) in order {
            if !matches!(cell.width, 1 | 2 | 4 | 8 | 16) {
                return None;
            }
            let near = |frame: &Self| {
                let span = frame.span(cells).unwrap_or(cell.octets.from..0);
                let end = cell.octets.from.saturating_add(cell.octets.len).max(span.end);
                end.saturating_sub(cell.octets.from.min(span.start)) <= reach
            };
            if frames.iter_mut().any(|frame| near(frame) && frame.add(number, cell)) {
                continue;
            }
            let mut frame = Self { wide: cell.width == 16, ..Self::default() };
            frame.add(number, cell).then(|| frames.push(frame))?;
        }
        Some(frames)
    }

    /// Its cells: what they are, and where in the frame they stand.
    pub(super) fn cells<'c>(&self, cells: &'c [Cell]) -> impl Iterator<Item = (&'c Cell, usize)> + Clone {
        self.cells.iter().filter_map(|(number, at)| Some((cells.get(*number)?, *at)))
    }

    /// Where in a record the first octet begins that goes into it, and where the last ends.
    pub(super) fn span(&self, cells: &[Cell]) -> Option<Range<usize>> {
        let begin = self.cells(cells).map(|(cell, _)| cell.octets.from).min()?;
        let end = self.cells(cells).map(|(cell, _)| cell.octets.from.saturating_add(cell.octets.len)).max()?;
        Some(begin..end)
    }

    /// `false` when there is no room of its kind.
    #[expect(clippy::arithmetic_side_effects, reason = "places and widths within a frame of 64 octets")]
    fn add(&mut self, number: usize, cell: &Cell) -> bool {
        let free = |at: &usize| self.cells.iter().all(|(_, taken)| taken != at);
        let at = match cell.width {
            16 if self.wide => [0, 16, 32, 48].into_iter().find(free),
            _ if self.wide || cell.width == 16 => None,
            8 => match (self.times, cell.number) {
                (_, Number::Plain) => {
                    let places = if self.times == Times::Plain { 4 } else { 2 };
                    [0, 8, 16, 24].into_iter().take(places).find(free)
                }
                // A number that is not one leaves the places of times to numbers.
                (Times::Plain, _) if !free(&16) || !free(&24) => None,
                (Times::Plain, Number::Ago) => {
                    self.times = Times::Ago;
                    Some(16)
                }
                (Times::Plain, Number::Scale(factor)) => {
                    self.times = Times::Scale([factor, 0]);
                    Some(16)
                }
                (Times::Ago, Number::Ago) => [16, 24].into_iter().find(free),
                (Times::Scale([first, _]), Number::Scale(factor)) if free(&24) => {
                    self.times = Times::Scale([first, factor]);
                    Some(24)
                }
                _ => None,
            },
            4 => [QUADS, QUADS + 4, QUADS + 8, QUADS + 12].into_iter().find(free),
            width => {
                let at = self.small.next_multiple_of(width);
                let fits = at + width <= 16;
                if fits {
                    self.small = at + width;
                }
                fits.then_some(SMALL + at)
            }
        };
        self.cells.extend(at.map(|at| (number, at)));
        at.is_some()
    }

    /// Where its columns begin.
    #[expect(clippy::arithmetic_side_effects, reason = "places and widths within a frame of 64 octets")]
    pub(super) fn slots(&self, cells: &[Cell]) -> Slots {
        let mut slots = Slots::default();
        for (cell, at) in self.cells(cells) {
            let place = match cell.width {
                16 => slots.wide.get_mut(at / 16),
                8 => slots.longs.get_mut(at / 8),
                4 => slots.quads.get_mut((at - QUADS) / 4),
                width => {
                    slots.small.add(cell.column, width, at - SMALL);
                    None
                }
            };
            if let Some(place) = place {
                *place = Some(cell.column);
            }
        }
        slots
    }

    /// How the octets of a lane of smaller cells, record by record, become cells, column by column: of the first or the second such lane.
    #[expect(clippy::arithmetic_side_effects, reason = "places and widths within a frame of 64 octets")]
    pub(super) fn arrangement<const OCTETS: usize>(&self, cells: &[Cell], lane: usize) -> [u8; OCTETS] {
        let mut from = [0_u8; OCTETS];
        let records = OCTETS / 8;
        let begin = SMALL + 8 * lane;
        for (cell, at) in self.cells(cells).filter(|(cell, at)| cell.width < 4 && (begin..begin + 8).contains(at)) {
            let at = at - begin;
            let places = (0..records).flat_map(|record| (0..cell.width).map(move |octet| record * 8 + at + octet));
            for (to, place) in from.iter_mut().skip(at * records).zip(places) {
                *to = u8::try_from(place).unwrap_or(0);
            }
        }
        from
    }
}

/// How the octets of a lane of two cells of 4 octets, record by record, become cells, column by column.
pub(super) const fn quads<const OCTETS: usize>() -> [u8; OCTETS] {
    let mut from = [0_u8; OCTETS];
    let mut to = 0;
    while to < OCTETS {
        let (column, within) = if to < OCTETS / 2 { (0, to) } else { (1, to.wrapping_sub(OCTETS / 2)) };
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            clippy::arithmetic_side_effects,
            reason = "evaluated by the compiler; below 64"
        )]
        {
            from[to] = (within / 4 * 8 + column * 4 + within % 4) as u8;
        }
        to = to.wrapping_add(1);
    }
    from
}
