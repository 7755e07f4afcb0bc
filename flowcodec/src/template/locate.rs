//! Where the octets of a field stand in each of many records.

/// Records one behind the other.
pub(crate) trait Locate: Copy {
    /// Gives each cell `N` octets of its record: those at an offset behind the start of a segment.
    fn each<T, const N: usize>(self, cells: &mut [T], place: (u16, u16), visit: impl FnMut(&mut T, [u8; N]));

    /// Those of one record.
    fn one<const N: usize>(self, record: usize, place: (u16, u16)) -> Option<[u8; N]>;
}

/// Records of one length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fixed<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) length: usize,
}

impl Locate for Fixed<'_> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the loop has constant widths only inside its caller")]
    fn each<T, const N: usize>(self, cells: &mut [T], (_, offset): (u16, u16), mut visit: impl FnMut(&mut T, [u8; N])) {
        let offset = usize::from(offset);
        // Checked once for all records: inside the loop the compiler knows that both ends are in bounds.
        if self.length < N || offset > self.length.wrapping_sub(N) {
            return;
        }
        for (cell, record) in cells.iter_mut().zip(self.octets.chunks_exact(self.length)) {
            if let Some(octets) = record.get(offset..).and_then(|rest| rest.first_chunk()) {
                visit(cell, *octets);
            }
        }
    }

    fn one<const N: usize>(self, record: usize, (_, offset): (u16, u16)) -> Option<[u8; N]> {
        let start = record.checked_mul(self.length)?.checked_add(usize::from(offset))?;
        self.octets.get(start..)?.first_chunk().copied()
    }
}

/// Records of which it is noted where each segment begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable<'a> {
    pub(crate) octets: &'a [u8],
    /// The starts of all segments, record by record.
    pub(crate) bases: &'a [u32],
    /// Segments of a record.
    pub(crate) stride: usize,
}

impl Locate for Variable<'_> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the loop has constant widths only inside its caller")]
    fn each<T, const N: usize>(self, cells: &mut [T], (segment, offset): (u16, u16), mut visit: impl FnMut(&mut T, [u8; N])) {
        // Without the division that chunks would take: many sets are one record.
        let mut bases = self.bases.get(usize::from(segment)..).unwrap_or_default();
        for cell in cells {
            let base = bases.first().copied().unwrap_or(u32::MAX);
            bases = bases.get(self.stride..).unwrap_or_default();
            let start = usize::try_from(base).unwrap_or(usize::MAX).wrapping_add(usize::from(offset));
            let octets = self.octets.get(start..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N]);
            visit(cell, octets);
        }
    }

    fn one<const N: usize>(self, record: usize, (segment, offset): (u16, u16)) -> Option<[u8; N]> {
        let base = self.bases.get(record.checked_mul(self.stride)?.checked_add(usize::from(segment))?)?;
        let start = usize::try_from(*base).ok()?.checked_add(usize::from(offset))?;
        self.octets.get(start..)?.first_chunk().copied()
    }
}
