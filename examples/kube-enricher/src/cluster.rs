//! Where the objects come from, and what is kept of them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use anyhow::Context as _;
use flowenrich::Live;
use flowenrich::kube::{Cluster, Index, Item, each_item};
use tracing::{info, warn};

use crate::original::Original;
use crate::question::now;

/// What is known of a cluster.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    /// For careful answers.
    Careful(Live<Index>),
    /// For the original's.
    Original(Shared),
}

impl Known {
    pub(crate) const fn is_original(&self) -> bool {
        matches!(self, Self::Original(_))
    }
}

/// What the original looks at, while it is told of changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<RwLock<Original>>);

impl Shared {
    pub(crate) fn new(original: Original) -> Self {
        Self(Arc::new(RwLock::new(original)))
    }

    #[cfg(feature = "kube")]
    pub(crate) fn write(&self) -> std::sync::RwLockWriteGuard<'_, Original> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Original> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Problems of single objects that are told; the rest are only counted.
pub(crate) const TOLD: usize = 20;

/// Reads a dump.
pub(crate) fn from_dump(path: &Path, wants_original: bool) -> anyhow::Result<Known> {
    let place = || format!("--objects {}", path.display());
    let file = File::open(path).map(BufReader::new).with_context(place)?;
    let (mut original, mut objects) = (Original::default(), Vec::new());
    let (mut count, mut problems) = (0_usize, Vec::new());
    // What is wrong with objects is told in both modes.
    each_item(file, &mut |item: Item<'_>| {
        let object = item.object(&mut problems);
        count = count.saturating_add(usize::from(object.is_some()));
        if wants_original {
            original.apply(&item);
        } else {
            objects.extend(object);
        }
    })
    .with_context(place)?;
    for problem in problems.iter().take(TOLD) {
        warn!("{}: {problem}", path.display());
    }
    if problems.len() > TOLD {
        warn!("{}: {} more problems", path.display(), problems.len().saturating_sub(TOLD));
    }
    info!("{}: {count} objects", path.display());
    if wants_original {
        original.set_synced();
        return Ok(Known::Original(Shared::new(original)));
    }
    let mut cluster = Cluster::default();
    cluster.load(objects, now());
    Ok(Known::Careful(cluster.live()))
}
