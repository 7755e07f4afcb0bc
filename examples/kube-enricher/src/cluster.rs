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
pub(crate) fn from_dump(path: &Path, original: bool) -> anyhow::Result<Known> {
    let file = || File::open(path).map(BufReader::new).with_context(|| format!("--objects {}", path.display()));
    let broken = || format!("--objects {}", path.display());
    if original {
        let mut known = Original::default();
        each_item(file()?, &mut |item| known.apply(&item)).with_context(broken)?;
        return Ok(Known::Original(Shared::new(known)));
    }
    let mut cluster = Cluster::default();
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    each_item(file()?, &mut |item: Item<'_>| objects.extend(item.object(&mut problems))).with_context(broken)?;
    for problem in problems.iter().take(TOLD) {
        warn!("{}: {problem}", path.display());
    }
    if problems.len() > TOLD {
        warn!("{}: {} more problems", path.display(), problems.len().saturating_sub(TOLD));
    }
    let count = objects.len();
    cluster.load(objects, now());
    let live = cluster.live();
    info!("{}: {count} objects", path.display());
    Ok(Known::Careful(live))
}
