//! Parameters of a collection: which rows, in which order, how many of them.

use core::cmp::Ordering;

use serde::Serialize;
use vanflow::collector::RecordId;

use crate::answer::{self, Answer, Rows};
use crate::error::ApiError;
use crate::view::Network;
use crate::view::table::{Cell, Column, Kind, Shown, Table, column};

/// How a row's time has to lie to the range asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersects,
    Contains,
    Within,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    All,
    Active,
    Terminated,
}

/// Parameters as they were read, fit for one collection.
pub(crate) struct Query<T: Table> {
    offset: usize,
    limit: usize,
    sort: &'static Column<T>,
    descending: bool,
    from: u64,
    until: u64,
    operation: Operation,
    state: State,
    filters: Vec<(&'static Column<T>, Vec<Wanted>)>,
}

/// A value that a filter asks for.
enum Wanted {
    Text(String),
    Number(u64),
    Truth(bool),
}

/// What may be there once.
const PARAMETERS: [&str; 7] = ["offset", "limit", "sortBy", "timeRangeStart", "timeRangeEnd", "timeRangeOperation", "state"];

/// How far back a collection goes when nothing is said.
const DEFAULT_RANGE_US: u64 = 15 * 60 * 1_000_000;

impl<T: Table> Query<T> {
    /// Reads parameters. Whatever is not understood is an error, not passed over: an answer to another question helps nobody.
    pub(crate) fn read(parameters: &[(String, String)], now_us: u64) -> Result<Self, ApiError> {
        let identity = column::<T>("identity").ok_or_else(|| ApiError::bad("this collection has no identities"))?;
        let mut query = Self {
            offset: 0,
            limit: usize::MAX,
            sort: identity,
            descending: false,
            from: now_us.saturating_sub(DEFAULT_RANGE_US),
            // Clocks of sources may be ahead of ours; what lives is shown whatever they say.
            until: u64::MAX,
            operation: Operation::Intersects,
            state: State::All,
            filters: Vec::new(),
        };
        for (number, (name, value)) in parameters.iter().enumerate() {
            // Fields may be asked for with several values, any of which fits.
            if PARAMETERS.contains(&&**name) && parameters.iter().take(number).any(|(before, _)| before == name) {
                return Err(ApiError::bad(format!("{name} is there twice")));
            }
            match &**name {
                "offset" => query.offset = count(name, value)?,
                "limit" => query.limit = count(name, value)?,
                "sortBy" => (query.sort, query.descending) = sort(value)?,
                "timeRangeStart" => query.from = time(name, value)?,
                "timeRangeEnd" => query.until = time(name, value)?,
                "timeRangeOperation" => {
                    query.operation = word(
                        name,
                        value,
                        &[
                            ("intersects", Operation::Intersects),
                            ("contains", Operation::Contains),
                            ("within", Operation::Within),
                        ],
                    )?;
                }
                "state" => {
                    let states = [("all", State::All), ("active", State::Active), ("terminated", State::Terminated)];
                    query.state = word(name, value, &states)?;
                }
                _ => query.filter(name, value)?,
            }
        }
        if query.from > query.until {
            return Err(ApiError::bad("timeRangeStart is after timeRangeEnd"));
        }
        Ok(query)
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let column = named::<T>(name)?;
        let wanted = match column.kind {
            Kind::Number => value.parse().ok().map(Wanted::Number),
            Kind::Truth => value.parse().ok().map(Wanted::Truth),
            Kind::Text | Kind::Texts | Kind::Parts => Some(Wanted::Text(value.to_owned())),
        };
        let of = if column.kind == Kind::Number { "a number" } else { "true or false" };
        let wanted = wanted.ok_or_else(|| ApiError::bad(format!("{name}: \"{value}\" is not {of}")))?;
        match self.filters.iter_mut().find(|(other, _)| other.name == column.name) {
            Some((_, values)) => values.push(wanted),
            None => self.filters.push((column, vec![wanted])),
        }
        Ok(())
    }

    fn takes<'a>(&self, network: &'a Network<'a>, row: T::Row<'a>) -> bool {
        let (start, end) = T::span(row);
        let over = end != 0;
        let in_range = match self.operation {
            Operation::Intersects => !(over && end < self.from || start > self.until),
            Operation::Contains => start <= self.from && (!over || end >= self.until),
            Operation::Within => start >= self.from && over && end <= self.until,
        };
        let in_state = match self.state {
            State::All => true,
            State::Active => !over,
            State::Terminated => over,
        };
        in_range
            && in_state
            && self.filters.iter().all(|(column, wanted)| {
                let cell = (column.read)(network, row);
                wanted.iter().any(|wanted| matches(&cell, wanted, column.kind))
            })
    }

    /// The answer over `rows`: the page, how many are on it, and how many there are.
    pub(crate) fn answer<'a>(&self, network: &'a Network<'a>, mut rows: Vec<T::Row<'a>>) -> Result<Answer, ApiError> {
        rows.retain(|row| self.takes(network, *row));
        let all = rows.len();
        // What is equal stays in the collector's order: pages do not overlap.
        rows.sort_by_cached_key(|row| Sorted { cell: (self.sort.read)(network, *row), descending: self.descending });
        let page = || rows.iter().skip(self.offset).take(self.limit);
        if let Some(records) = page().map(|row| T::handle(*row)).collect() {
            return Ok(Answer::Rows(Rows { made: Vec::new(), records, write: write::<T>, enveloped: Some(all) }));
        }
        let results: Vec<_> = page().map(|row| Shown::<T> { network, row: *row }).collect();
        let page = Page { count: results.len(), results, time_range_count: all };
        serde_json::to_string(&page).map(Answer::Whole).map_err(ApiError::internal)
    }
}

/// The envelope of a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<R> {
    results: Vec<R>,
    count: usize,
    time_range_count: usize,
}

/// Writes the row of a record as it is by then, unless the record is gone. Filters are not asked again: which rows there are, in which
/// order, and how many on all pages, is of one moment.
fn write<'a, T: Table>(network: &'a Network<'a>, id: RecordId, out: &mut Vec<u8>) -> serde_json::Result<bool> {
    T::found(network, id).map_or(Ok(false), |row| answer::row(out, Shown::<T> { network, row }))
}

/// A key to sort by, in either direction.
#[derive(PartialEq, Eq)]
struct Sorted<'a> {
    cell: Cell<'a>,
    descending: bool,
}

impl Ord for Sorted<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.cell.order(&other.cell);
        if self.descending { order.reverse() } else { order }
    }
}

impl PartialOrd for Sorted<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn named<T: Table>(name: &str) -> Result<&'static Column<T>, ApiError> {
    column::<T>(name).ok_or_else(|| {
        let fields: Vec<_> = T::COLUMNS.iter().map(|column| column.name).collect();
        ApiError::bad(format!(
            "\"{name}\" is neither a parameter nor a field of a {}; fields are {}",
            T::SINGULAR,
            fields.join(", ")
        ))
    })
}

fn count(name: &str, value: &str) -> Result<usize, ApiError> {
    value.parse().map_err(|_| ApiError::bad(format!("{name}: \"{value}\" is not an integer from 0 on")))
}

fn time(name: &str, value: &str) -> Result<u64, ApiError> {
    value.parse().map_err(|_| ApiError::bad(format!("{name}: \"{value}\" is not a time in microseconds since 1970")))
}

fn sort<T: Table>(value: &str) -> Result<(&'static Column<T>, bool), ApiError> {
    let wrong = || ApiError::bad(format!("sortBy: \"{value}\" is not FIELD.asc or FIELD.desc"));
    let (field, direction) = value.rsplit_once('.').ok_or_else(wrong)?;
    let descending = match direction {
        "asc" => false,
        "desc" => true,
        _ => return Err(wrong()),
    };
    Ok((named::<T>(field)?, descending))
}

fn word<W: Copy>(name: &str, value: &str, words: &[(&str, W)]) -> Result<W, ApiError> {
    words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        ApiError::bad(format!("{name}: \"{value}\" is none of {}", words.join(", ")))
    })
}

fn matches(cell: &Cell<'_>, wanted: &Wanted, kind: Kind) -> bool {
    match (cell, wanted) {
        (Cell::Number(number), Wanted::Number(wanted)) => number == wanted,
        (Cell::Truth(truth), Wanted::Truth(wanted)) => truth == wanted,
        (Cell::Text(text), Wanted::Text(wanted)) => text.starts_with(&**wanted),
        (Cell::Texts(texts), Wanted::Text(wanted)) if kind == Kind::Parts => {
            texts.iter().flat_map(|text| text.split('@')).any(|part| part.eq_ignore_ascii_case(wanted))
        }
        (Cell::Texts(texts), Wanted::Text(wanted)) => texts.iter().any(|text| text.starts_with(&**wanted)),
        _ => false,
    }
}
