//! Memory that consumers hold, and that comes back.

use arrow_buffer::Buffer;

use crate::batch::{Contents, OwnedColumn};

/// What is lent out. It knows of each piece of memory who else holds it.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<Lent>);

/// The memory of one batch.
#[derive(Debug)]
struct Lent {
    cells: Buffer,
    text: Buffer,
    columns: Vec<OwnedColumn>,
    kept: Vec<Kept>,
}

/// What a column has for itself.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) validity: Option<Buffer>,
    /// Of lists.
    pub(super) lists: Option<(Buffer, Buffer)>,
}

/// Batches that are waited for. Of a consumer that keeps more, the oldest are its own.
const MOST: usize = 8;

impl Memory {
    /// Remembers memory that is lent; the columns have none of their own.
    pub(super) fn lend(&mut self, cells: Buffer, text: Buffer, columns: Vec<OwnedColumn>, kept: Vec<Kept>) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(Lent { cells, text, columns, kept });
    }

    /// Memory that nobody else holds any more; nothing when there is none.
    pub(super) fn back(&mut self) -> Contents {
        // The last that was lent is the one that is still in the caches.
        match self.0.iter().rposition(Lent::is_free) {
            Some(at) => self.0.remove(at).into_contents(),
            None => Contents::default(),
        }
    }
}

impl Lent {
    fn is_free(&self) -> bool {
        let own = |buffer: &Buffer| buffer.strong_count() == 1;
        own(&self.cells)
            && own(&self.text)
            && self.kept.iter().all(|Kept { validity, lists }| {
                validity.as_ref().is_none_or(own) && lists.as_ref().is_none_or(|(offsets, items)| own(offsets) && own(items))
            })
    }

    fn into_contents(self) -> Contents {
        let Self { cells, text, mut columns, kept } = self;
        for (column, Kept { validity, lists }) in columns.iter_mut().zip(kept) {
            if let Some(bits) = validity {
                column.validity = bits.into_vec().ok();
            }
            if let Some((offsets, items)) = lists {
                column.lists = (offsets.into_vec().unwrap_or_default(), items.into_vec().unwrap_or_default());
            }
        }
        Contents { cells: cells.into_vec().unwrap_or_default(), text: text.into_vec().unwrap_or_default(), rows: 0, columns }
    }
}
