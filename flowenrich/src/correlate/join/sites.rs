//! In which site an exporter is.

use std::fmt;
use std::io::BufRead;
use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::Timestamp;

use crate::lookup::{AddrKey, Lookup};
use crate::read::ReadError;
use crate::subnet::Subnets;

/// Tells the site of an exporter by its address: from a file, or by a closure.
///
/// ```
/// use flowenrich::correlate::join::Sites;
/// let sites = Sites::read("10.1.0.0/16,site-west\n10.1.7.7,site-east\n".as_bytes())?;
/// assert_eq!(sites.site("10.1.7.7".parse().unwrap()).as_deref(), Some("site-east"));
/// # Ok::<(), flowenrich::ReadError>(())
/// ```
pub struct Sites(Told);

enum Told {
    Networks(Box<Subnets>),
    By(Box<dyn Fn(IpAddr) -> Option<Arc<str>> + Send + Sync>),
}

impl Sites {
    /// Reads lines of `network,site` or `address,site`; of networks that contain an exporter, the longest holds.
    ///
    /// # Errors
    /// At the first line that is none of these.
    pub fn read(from: impl BufRead) -> Result<Self, ReadError> {
        Ok(Self(Told::Networks(Box::new(Subnets::read(from)?))))
    }

    /// Asks a closure.
    pub fn by(site: impl Fn(IpAddr) -> Option<Arc<str>> + Send + Sync + 'static) -> Self {
        Self(Told::By(Box::new(site)))
    }

    /// The site of an exporter.
    #[must_use]
    pub fn site(&self, exporter: IpAddr) -> Option<Arc<str>> {
        match &self.0 {
            Told::Networks(networks) => {
                let subnet = networks.lookup(AddrKey::new(exporter), Timestamp::EPOCH).one()?;
                Some(subnet.label.into())
            }
            Told::By(site) => site(exporter),
        }
    }
}

impl fmt::Debug for Sites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Told::Networks(networks) => f.debug_tuple("Sites").field(networks).finish(),
            Told::By(_) => f.write_str("Sites(closure)"),
        }
    }
}
