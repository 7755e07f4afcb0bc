//! What can be chosen.

/// How an index is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// For how long departed objects answer for flows of their time. Default: 5 minutes, longer than exporters hold back flows.
    pub retention_nanos: i64,
    /// Departed objects kept at most; the oldest go before their time. Default: 100,000, some tens of megabytes.
    pub max_departed: usize,
    /// How far clocks may be apart: a flow this much before an object's creation, or after an object went away, is its, if nobody else's.
    /// Default: 2 seconds.
    pub tolerance_nanos: i64,
    /// Kinds at which [`Answer::workload`](super::Answer::workload) stops on the way up; the highest of them in a chain is taken.
    pub workload_kinds: Vec<Box<str>>,
    /// Kinds, each behind its API group, of which a complete list must have come before anything is answered. Default: the core's (`""`)
    /// Pod, Node, Service.
    pub needed: Vec<(Box<str>, Box<str>)>,
}

impl Default for Settings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|&word| word.into()).collect();
        Self {
            retention_nanos: 300_000_000_000,
            max_departed: 100_000,
            tolerance_nanos: 2_000_000_000,
            workload_kinds: words(&["Deployment", "StatefulSet", "DaemonSet", "CronJob", "DeploymentConfig"]),
            needed: ["Pod", "Node", "Service"].map(|kind| ("".into(), kind.into())).to_vec(),
        }
    }
}
