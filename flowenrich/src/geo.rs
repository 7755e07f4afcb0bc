//! Country, city and autonomous system of an address, from databases in MaxMind's format (feature `geo`).
//!
//! ```no_run
//! use flowenrich::geo::GeoFiles;
//! use flowenrich::{ByAddress, Chain, Mapping};
//!
//! let mut files = GeoFiles::open(["GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"])?;
//! let chain = Chain::new().then(ByAddress::new(files.live(), Mapping::default()));
//! // Now and then, in a thread that may wait for a disk:
//! if let Err(error) = files.reload() {
//!     eprintln!("{error}; what was loaded before stays");
//! }
//! # Ok::<(), flowenrich::geo::GeoError>(())
//! ```

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flowcodec::Timestamp;
use flowcodec::model::{FieldDef, FieldSpec, FieldValue, String as TextField, U32, Unit};
use maxminddb::Reader;
use serde::Deserialize;

use crate::cells::{Annotate, Cells};
use crate::live::Live;
use crate::lookup::{AddrKey, Found, Lookup};

/// Databases that are asked together, held in memory.
#[derive(Default)]
pub struct Geo(Vec<Reader<Vec<u8>>>);

/// What is known of an address. Each part is taken from the first database that knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Place<'g> {
    /// Country, as ISO 3166-1 has it (two letters).
    pub country: Option<&'g str>,
    /// City, in English.
    pub city: Option<&'g str>,
    /// Number of the autonomous system that announces the address.
    pub autonomous_system: Option<u32>,
    /// Who runs it.
    pub organization: Option<&'g str>,
}

/// A database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
#[non_exhaustive]
pub struct GeoError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl Geo {
    /// From databases as they stand in files: City, Country, ASN, in any combination. Each is looked through before it is taken, so that a
    /// file that was cut, or changed, is refused as a whole.
    ///
    /// # Errors
    /// When one of them is no such database, or broken; `path` is its number then.
    pub fn from_octets(databases: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, GeoError> {
        let numbered = databases.into_iter().enumerate();
        let read = |(number, octets): (usize, Vec<u8>)| read(Path::new(&number.to_string()), octets);
        Ok(Self(numbered.map(read).collect::<Result<_, _>>()?))
    }

    fn part<'g>(&'g self, addr: IpAddr) -> impl Iterator<Item = Entry<'g>> {
        // A database of IPv4 alone refuses IPv6 addresses: it does not know them.
        self.0.iter().filter_map(move |reader| reader.lookup(addr).ok()?.decode::<Entry<'g>>().ok()?)
    }
}

fn read(path: &Path, octets: Vec<u8>) -> Result<Reader<Vec<u8>>, GeoError> {
    let broken = |what: &dyn std::fmt::Display| GeoError { path: path.to_owned(), what: what.to_string() };
    let reader = Reader::from_source(octets).map_err(|error| broken(&error))?;
    reader.verify().map_err(|error| broken(&error))?;
    Ok(reader)
}

impl Lookup for Geo {
    type Answer<'a> = Place<'a>;

    fn lookup<'a>(&'a self, key: AddrKey<'_>, _: Timestamp) -> Found<Place<'a>> {
        // Addresses of other networks and sites are not the internet's.
        if !key.scope().is_default() {
            return Found::Nothing;
        }
        let mut place = Place::default();
        for entry in self.part(key.addr()) {
            let country = entry.country.or(entry.registered_country);
            place.country = place.country.or_else(|| country.and_then(|country| country.iso_code));
            place.city = place.city.or_else(|| entry.city.and_then(|city| city.names?.en));
            place.autonomous_system = place.autonomous_system.or(entry.autonomous_system_number);
            place.organization = place.organization.or(entry.autonomous_system_organization);
        }
        if place == Place::default() { Found::Nothing } else { Found::One(place) }
    }
}

/// What is read of a database's records; they have much more.
#[derive(Debug, Deserialize)]
struct Entry<'g> {
    #[serde(borrow)]
    country: Option<Country<'g>>,
    #[serde(borrow)]
    registered_country: Option<Country<'g>>,
    #[serde(borrow)]
    city: Option<City<'g>>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'g str>,
}

#[derive(Debug, Deserialize)]
struct Country<'g> {
    iso_code: Option<&'g str>,
}

#[derive(Debug, Deserialize)]
struct City<'g> {
    #[serde(borrow)]
    names: Option<Names<'g>>,
}

#[derive(Debug, Deserialize)]
struct Names<'g> {
    en: Option<&'g str>,
}

static COUNTRY: FieldDef<TextField> = FieldDef::new("geo_country", Unit::None, "Country (ISO 3166-1, two letters).", &[]);
static CITY: FieldDef<TextField> = FieldDef::new("geo_city", Unit::None, "City, in English.", &[]);
static SYSTEM: FieldDef<U32> = FieldDef::new("geo_as", Unit::None, "Autonomous system that announces the address.", &[]);
static ORGANIZATION: FieldDef<TextField> = FieldDef::new("geo_as_org", Unit::None, "Who runs that autonomous system.", &[]);

impl Annotate for Geo {
    fn fields() -> Vec<FieldSpec> {
        vec![COUNTRY.spec(), CITY.spec(), SYSTEM.spec(), ORGANIZATION.spec()]
    }

    fn write(found: Found<Place<'_>>, cells: &mut Cells<'_>) {
        let Some(place) = found.answer() else { return };
        cells.text_if(0, place.country);
        cells.text_if(1, place.city);
        if let Some(number) = place.autonomous_system {
            cells.put(2, FieldValue::Unsigned(number.into()));
        }
        cells.text_if(3, place.organization);
    }
}

impl std::fmt::Debug for Geo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|reader| &reader.metadata().database_type)).finish()
    }
}

/// The files behind a [`Geo`], which is replaced when they change.
#[derive(Debug)]
pub struct GeoFiles {
    files: Vec<(PathBuf, Option<Stamp>)>,
    live: Live<Geo>,
}

/// What tells a file from its former state.
type Stamp = (SystemTime, u64);

impl GeoFiles {
    /// Reads databases.
    ///
    /// # Errors
    /// When one of them cannot be read, or is broken.
    pub fn open<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self, GeoError> {
        let files = paths.into_iter().map(|path| (path.into(), None)).collect();
        let mut this = Self { files, live: Live::new(Geo::default()) };
        this.reload()?;
        Ok(this)
    }

    /// The databases of the moment: the same slot at every call.
    #[must_use]
    pub fn live(&self) -> Live<Geo> {
        self.live.clone()
    }

    /// Reads all of them again if one has changed; says whether it did. Costs a look at each file's time and size otherwise.
    ///
    /// # Errors
    /// When one of them cannot be read, or is broken: what was loaded stays, and the next call tries again.
    pub fn reload(&mut self) -> Result<bool, GeoError> {
        let stamp = |(path, _): &(PathBuf, Option<Stamp>)| {
            fs::metadata(path).and_then(|data| Ok((data.modified()?, data.len()))).map_err(|error| unread(path, &error))
        };
        let stamps = self.files.iter().map(stamp).collect::<Result<Vec<_>, _>>()?;
        if self.files.iter().map(|(_, known)| *known).eq(stamps.iter().copied().map(Some)) {
            return Ok(false);
        }
        let load = |(path, _): &(PathBuf, Option<Stamp>)| read(path, fs::read(path).map_err(|error| unread(path, &error))?);
        self.live.replace(Geo(self.files.iter().map(load).collect::<Result<_, _>>()?));
        // Only now: a change that could not be loaded is one the next time, too.
        for ((_, known), stamp) in self.files.iter_mut().zip(stamps) {
            *known = Some(stamp);
        }
        Ok(true)
    }
}

fn unread(path: &Path, error: &std::io::Error) -> GeoError {
    GeoError { path: path.to_owned(), what: error.to_string() }
}
