//! A slab whose entries stand in linked lists: constant-time "oldest first" without a second allocation for each entry.
//!
//! Using an entry only marks it. Who looks for the oldest sends those that are marked to the young end first, without their mark (second
//! chance): moving an entry at every use would write to both its neighbours, which are other exporters' and seldom in the caches.

/// Position in a [`Slab`].
pub(crate) type Index = u32;

/// No entry: more than there can be, and without the bit of [`USED`].
const NIL: Index = USED - 1;

/// Of a node's link to the one before it: whether the entry was used since it came to its place. (A field of its own would take eight
/// octets of each node.)
const USED: Index = 1 << 31;

/// Entries at stable positions; freed positions are used again.
#[derive(Debug, Clone)]
pub(crate) struct Slab<T> {
    // Boxed, so that growing the slab moves only pointers.
    slots: Vec<Option<Box<Node<T>>>>,
    free: Vec<Index>,
}

#[derive(Debug, Clone)]
struct Node<T> {
    /// With [`USED`].
    previous: Index,
    next: Index,
    value: T,
}

/// The ends of one list through a [`Slab`]: oldest at the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    front: Index,
    back: Index,
    len: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self { front: NIL, back: NIL, len: 0 };

    /// The oldest entry.
    pub(crate) fn front(self) -> Option<Index> {
        (self.front != NIL).then_some(self.front)
    }

    /// The youngest entry.
    pub(crate) fn back(self) -> Option<Index> {
        (self.back != NIL).then_some(self.back)
    }

    pub(crate) const fn len(self) -> u32 {
        self.len
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl<T> Slab<T> {
    /// Bytes one entry costs, what its own heap holds aside.
    pub(crate) const COST: usize = size_of::<Node<T>>();

    /// Bytes of the slab itself. It never shrinks, and while it doubles, old and new are there together: that is counted before it
    /// happens. Every entry may become free, so that removing one takes no more.
    pub(crate) fn overhead(&self) -> usize {
        const PLACE: usize = size_of::<usize>() + size_of::<Index>();
        let capacity = self.slots.capacity().max(self.free.capacity()).saturating_mul(PLACE);
        let full = self.slots.len() == self.slots.capacity() && self.free.is_empty();
        if full { capacity.saturating_mul(3) } else { capacity.saturating_mul(3) / 2 }
    }

    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Positions that may be in use: for walks that outlive a borrow.
    pub(crate) fn bound(&self) -> Index {
        Index::try_from(self.slots.len()).unwrap_or(NIL)
    }

    #[inline]
    pub(crate) fn get(&self, index: Index) -> Option<&T> {
        Some(&self.node(index)?.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: Index) -> Option<&mut T> {
        Some(&mut self.node_mut(index)?.value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Index, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| Some((index, &slot.as_ref()?.value)))
    }

    /// Puts a value in, as the youngest of `list`.
    pub(crate) fn insert(&mut self, list: &mut List, value: T) -> Index {
        let node = Some(Box::new(Node { previous: NIL, next: NIL, value }));
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(slot) = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at)) {
                    *slot = node;
                }
                index
            }
            None => {
                self.slots.push(node);
                self.bound().saturating_sub(1)
            }
        };
        self.link(list, index);
        index
    }

    /// Takes a value out of the slab and out of `list`, which must be the one it stands in.
    pub(crate) fn remove(&mut self, list: &mut List, index: Index) -> Option<T> {
        self.unlink(list, index);
        let node = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at))?.take()?;
        self.free.push(index);
        Some(node.value)
    }

    /// An entry that is used: it will not go before those that are not.
    #[inline]
    pub(crate) fn touch(&mut self, index: Index) -> Option<&mut T> {
        let node = self.node_mut(index)?;
        node.previous |= USED;
        Some(&mut node.value)
    }

    /// The entry of `list` that is to go first, but not `keep`: the oldest that was not used. Each use costs one step
    /// at most, and so does `keep`, which loses its mark.
    pub(crate) fn oldest(&mut self, list: &mut List, keep: Option<Index>) -> Option<Index> {
        loop {
            let front = list.front()?;
            let kept = Some(front) == keep;
            if kept && list.len() == 1 {
                return None;
            }
            let used = self.node(front)?.previous & USED != 0;
            if !kept && !used {
                return Some(front);
            }
            self.renew(list, front);
        }
    }

    /// Makes an entry the youngest of `list`, as if it had not been used.
    pub(crate) fn renew(&mut self, list: &mut List, index: Index) {
        self.unlink(list, index);
        self.link(list, index);
    }

    /// Moves an entry to the young end of another list.
    pub(crate) fn relink(&mut self, from: &mut List, to: &mut List, index: Index) {
        self.unlink(from, index);
        self.link(to, index);
    }

    /// The entry after `index` in its list, towards the young end.
    pub(crate) fn next(&self, index: Index) -> Option<Index> {
        let next = self.node(index)?.next;
        (next != NIL).then_some(next)
    }

    /// The entries of a list in the order they would go: those that were used last.
    pub(crate) fn walk(&self, list: List) -> impl Iterator<Item = (Index, &T)> {
        let all = move |used: bool| {
            let mut at = list.front();
            core::iter::from_fn(move || {
                let index = at?;
                at = self.next(index);
                Some((index, self.node(index)?))
            })
            .filter(move |(_, node)| (node.previous & USED != 0) == used)
        };
        all(false).chain(all(true)).map(|(index, node)| (index, &node.value))
    }

    fn link(&mut self, list: &mut List, index: Index) {
        let back = list.back;
        if let Some(node) = self.node_mut(index) {
            node.previous = back;
            node.next = NIL;
        } else {
            return;
        }
        match self.node_mut(back) {
            Some(youngest) => youngest.next = index,
            None => list.front = index,
        }
        list.back = index;
        list.len = list.len.saturating_add(1);
    }

    fn unlink(&mut self, list: &mut List, index: Index) {
        let Some(found) = self.node(index) else { return };
        let (previous, next) = (found.previous & !USED, found.next);
        match self.node_mut(previous) {
            Some(node) => node.next = next,
            None => list.front = next,
        }
        match self.node_mut(next) {
            Some(node) => node.previous = previous | node.previous & USED,
            None => list.back = previous,
        }
        list.len = list.len.saturating_sub(1);
    }

    #[inline]
    fn node(&self, index: Index) -> Option<&Node<T>> {
        self.slots.get(usize::try_from(index).ok()?)?.as_deref()
    }

    #[inline]
    fn node_mut(&mut self, index: Index) -> Option<&mut Node<T>> {
        self.slots.get_mut(usize::try_from(index).ok()?)?.as_deref_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(slab: &Slab<char>, list: List) -> String {
        let mut order = String::new();
        let mut at = list.front();
        while let Some(index) = at {
            order.push(*slab.get(index).unwrap());
            at = slab.next(index);
        }
        assert_eq!(order.chars().count(), usize::try_from(list.len()).unwrap());
        order
    }

    #[test]
    fn oldest_first_through_touch_remove_and_reuse() {
        let (mut slab, mut list, mut other) = (Slab::new(), List::EMPTY, List::EMPTY);
        let [a, b, c] = ['a', 'b', 'c'].map(|value| slab.insert(&mut list, value));
        assert_eq!(order(&slab, list), "abc");
        slab.renew(&mut list, a);
        assert_eq!(order(&slab, list), "bca");
        slab.renew(&mut list, a);
        assert_eq!(order(&slab, list), "bca");
        assert_eq!(slab.remove(&mut list, c), Some('c'));
        assert_eq!(slab.remove(&mut list, c), None, "gone already");
        assert_eq!(slab.insert(&mut list, 'd'), c, "the position is used again");
        slab.relink(&mut list, &mut other, b);
        assert_eq!((order(&slab, list).as_str(), order(&slab, other).as_str()), ("ad", "b"));
    }

    #[test]
    fn what_is_used_goes_behind_what_is_not() {
        let (mut slab, mut list) = (Slab::new(), List::EMPTY);
        assert_eq!(slab.oldest(&mut list, None), None);
        let [a, b, c, d] = ['a', 'b', 'c', 'd'].map(|value| slab.insert(&mut list, value));
        assert_eq!(slab.touch(a), Some(&mut 'a'));
        slab.touch(c);
        assert_eq!(slab.oldest(&mut list, None), Some(b));
        assert_eq!(order(&slab, list), "bcda");
        assert_eq!(slab.oldest(&mut list, Some(b)), Some(d), "the one to keep does not go, used or not");
        assert_eq!(order(&slab, list), "dabc");
        for index in [a, b, c, d] {
            slab.touch(index);
        }
        assert_eq!(slab.oldest(&mut list, None), Some(d), "all were used: the oldest by place");
        assert_eq!(slab.oldest(&mut list, Some(d)), Some(a), "a mark is good for one round");
        for index in [a, b, c] {
            slab.remove(&mut list, index);
        }
        assert_eq!(slab.oldest(&mut list, Some(d)), None);
        assert_eq!(slab.touch(d), Some(&mut 'd'));
        assert_eq!(slab.touch(a), None, "it is gone");
        assert_eq!(slab.oldest(&mut list, None), Some(d), "alone it goes in the end");
    }
}
