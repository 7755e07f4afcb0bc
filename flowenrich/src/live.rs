//! An index that is replaced while others read it.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// Where the index of the moment is taken from.
pub trait Source: Send + Sync {
    /// The index.
    type Index;

    /// The index of this moment. Taken once for many questions: answers borrow from it, and it does not change while it is held.
    fn current(&self) -> Arc<Self::Index>;
}

/// An index that never changes.
impl<T: Send + Sync> Source for Arc<T> {
    type Index = T;

    fn current(&self) -> Self {
        Self::clone(self)
    }
}

/// A slot that holds the current index: readers never wait for writers, nor writers for readers, and who holds an old index keeps it
/// until it lets go. Clones are the same slot.
///
/// ```
/// use flowenrich::{Live, Source};
/// let live = Live::new(1);
/// let before = live.current();
/// live.replace(2);
/// assert_eq!((*before, *live.current()), (1, 2));
/// ```
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Live<T> {
    /// A slot that holds `index`.
    #[must_use]
    pub fn new(index: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(index)))
    }

    /// Puts another index in its place; gives back the one that was there.
    pub fn replace(&self, index: impl Into<Arc<T>>) -> Arc<T> {
        self.0.swap(index.into())
    }
}

impl<T: Send + Sync> Source for Live<T> {
    type Index = T;

    fn current(&self) -> Arc<T> {
        self.0.load_full()
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.0.load_full()).finish()
    }
}
