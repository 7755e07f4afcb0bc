//! Texts by number: those of a column that come again and again are told once.

use core::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::FlowBatch;
use super::cells::{INLINE, Place, octets_of};
use crate::model::FieldId;

/// Working space of [`FlowBatch::dictionary`], to be used again.
#[derive(Debug, Clone, Default)]
pub struct DictionarySpace {
    ids: Vec<u32>,
    values: Vec<Value>,
    table: HashTable<u32>,
    hasher: RandomState,
}

/// A text that was met, by its first view.
#[derive(Debug, Clone, Copy)]
struct Value {
    view: u128,
    hash: u64,
}

/// A column of text or octets by number: a number for each row, and what each number stands for.
#[derive(Debug, Clone, Copy)]
pub struct Dictionary<'a> {
    ids: &'a [u32],
    values: &'a [Value],
    octets: &'a [u8],
}

impl FlowBatch {
    /// Numbers the different texts of a column in the order in which they come: for who looks up each of them once, or writes them once.
    /// `None` when the batch has no such column, or it holds neither text nor octets.
    ///
    /// Cost: a hash and a comparison of each cell. Numbers hold for the batch as it stands; nothing is kept from one to the next but memory.
    ///
    /// ```
    /// use flowcodec::batch::{DictionarySpace, FlowBatch};
    /// use flowcodec::model::{FieldValue, Schema};
    /// use flowcodec::{Text, field};
    ///
    /// let mut batch = FlowBatch::builder(Schema::common()).fields([field::SRC_POD.id()]).build()?;
    /// for pod in ["web-7f", "db-0", "web-7f"] {
    ///     batch.row().expect("room").set(field::SRC_POD.id(), FieldValue::Text(Text::from(pod)));
    /// }
    /// let mut space = DictionarySpace::default();
    /// let pods = batch.dictionary(field::SRC_POD.id(), &mut space).expect("a column of text");
    /// assert_eq!((pods.ids(), pods.len(), pods.get(1)), (&[0, 1, 0][..], 2, Some(&b"db-0"[..])));
    /// # Ok::<(), flowcodec::batch::BatchError>(())
    /// ```
    pub fn dictionary<'a>(&'a self, id: FieldId, space: &'a mut DictionarySpace) -> Option<Dictionary<'a>> {
        let number = self.slot_of(id)?;
        let Place::View(at) = self.slots.get(number)?.place else { return None };
        let (views, octets) = (self.cells.arena.cells::<u128>(at, self.len), &self.cells.text[..]);
        space.ids.clear();
        space.values.clear();
        space.table.clear();
        space.ids.reserve(views.len());
        for (row, view) in views.iter().enumerate() {
            let id = if self.has(number, row) { space.number(view, octets) } else { Dictionary::NONE };
            space.ids.push(id);
        }
        Some(Dictionary { ids: &space.ids, values: &space.values, octets })
    }
}

impl DictionarySpace {
    /// The number of a text; a new one where it was not met.
    fn number(&mut self, view: &u128, octets: &[u8]) -> u32 {
        let Self { values, table, hasher, .. } = self;
        let hash = match octets_of(view, octets) {
            Some(text) if text.len() > INLINE => hasher.hash_one(text),
            _ => hasher.hash_one(view),
        };
        let met = |&id: &u32| value(values, id).is_some_and(|value| value.hash == hash && same(&value.view, view, octets));
        match table.entry(hash, met, |&id| value(values, id).map_or(0, |value| value.hash)) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let id = u32::try_from(values.len()).unwrap_or(Dictionary::NONE);
                entry.insert(id);
                values.push(Value { view: *view, hash });
                id
            }
        }
    }
}

impl<'a> Dictionary<'a> {
    /// Stands for rows without a cell.
    pub const NONE: u32 = u32::MAX;

    /// A number for each row of the batch.
    #[must_use]
    pub const fn ids(&self) -> &'a [u32] {
        self.ids
    }

    /// How many different texts there are; their numbers are those below.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no row has a cell.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The octets of a text by its number.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&'a [u8]> {
        octets_of(&value(self.values, id)?.view, self.octets)
    }

    /// All texts, by number.
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let octets = self.octets;
        self.values.iter().map(move |value| octets_of(&value.view, octets).unwrap_or_default())
    }
}

fn value(values: &[Value], id: u32) -> Option<&Value> {
    values.get(usize::try_from(id).ok()?)
}

/// Whether two views are of the same octets: both begin with their length and the first four.
fn same(one: &u128, other: &u128, octets: &[u8]) -> bool {
    const HEAD: u128 = 0xffff_ffff_ffff_ffff;
    one == other || (one & HEAD == other & HEAD && octets_of(one, octets) == octets_of(other, octets))
}
