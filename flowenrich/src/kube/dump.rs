//! What `kubectl get -o json` prints.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::object::{Object, Problem};

/// The objects of a dump, and what could not be read of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Dump {
    /// The objects, in order.
    pub objects: Vec<Object>,
    /// What is wrong with single objects, each with its place. At most [`Dump::MOST_PROBLEMS`]; more are only counted.
    pub problems: Vec<Problem>,
    /// How many problems there were in all.
    pub problem_count: usize,
}

/// The text is no JSON, or neither a list nor an object. Says line and column itself, so that it has no source that says them again.
#[derive(Debug, thiserror::Error)]
#[error("not a dump of Kubernetes objects: {0}")]
pub struct DumpError(serde_json::Error);

impl From<serde_json::Error> for DumpError {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

impl Dump {
    /// As many problems are kept.
    pub const MOST_PROBLEMS: usize = 1_000;

    /// Reads a `List` as kubectl prints it, a list of one kind as the API gives it (`PodList`), a bare array, or one object. Items are
    /// read one by one: never more than one of them is held as JSON.
    ///
    /// # Errors
    /// When the text as a whole is no such thing. A bad item is no error: it is in `problems`.
    pub fn read(from: impl Read) -> Result<Self, DumpError> {
        let mut dump = Self::default();
        each_item(from, &mut |item| dump.take(&item))?;
        Ok(dump)
    }

    /// [`read`](Self::read) from memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_slice(octets: &[u8]) -> Result<Self, DumpError> {
        Self::read(octets)
    }

    fn take(&mut self, item: &Item<'_>) {
        let mut problems = Vec::new();
        self.objects.extend(item.object(&mut problems));
        self.problem_count = self.problem_count.saturating_add(problems.len());
        let room = Self::MOST_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(problems.into_iter().take(room));
    }
}

/// One object of a dump or of a watch, as the API wrote it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "built by who brings objects from elsewhere")]
pub struct Item<'j> {
    /// Its place in a list.
    pub at: Option<usize>,
    /// `apiVersion`, from the object or its list: `v1`, `apps/v1`.
    pub version: &'j str,
    /// Kind, likewise; empty when neither says it.
    pub kind: &'j str,
    /// The object.
    pub json: &'j Value,
}

impl Item<'_> {
    /// What of it is kept; see [`Object::read_as`].
    pub fn object(&self, problems: &mut Vec<Problem>) -> Option<Object> {
        let before = problems.len();
        let object = Object::read_as(self.version, self.kind, self.json, problems);
        if let Some(at) = self.at {
            for problem in problems.iter_mut().skip(before) {
                problem.place = format!("items[{at}], {}", problem.place);
            }
        }
        object
    }
}

/// Gives each object of a dump to `each`, in order; see [`Dump::read`] for what a dump can be. For those who want more of objects than an
/// index keeps.
///
/// # Errors
/// As [`Dump::read`]; `each` has had what stood before the fault.
pub fn each_item(from: impl Read, each: &mut dyn FnMut(Item<'_>)) -> Result<(), DumpError> {
    let mut json = serde_json::Deserializer::from_reader(from);
    Top(each).deserialize(&mut json)?;
    json.end()?;
    Ok(())
}

fn give(each: &mut dyn FnMut(Item<'_>), at: Option<usize>, list_kind: Option<&ListKind>, json: &Value) {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let (version, kind) = match (text("kind"), list_kind) {
        (None, Some(list)) => (list.version.as_str(), list.kind.as_str()),
        (kind, _) => (text("apiVersion").unwrap_or("v1"), kind.unwrap_or_default()),
    };
    each(Item { at, version, kind, json });
}

/// `PodList` says of its items what they do not say themselves.
struct ListKind {
    version: String,
    kind: String,
}

impl ListKind {
    fn of(list: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| list.get(key).and_then(Value::as_str);
        let kind = text("kind")?.strip_suffix("List").filter(|kind| !kind.is_empty())?;
        Some(Self { version: text("apiVersion").unwrap_or("v1").to_owned(), kind: kind.to_owned() })
    }
}

struct Top<'d>(&'d mut dyn FnMut(Item<'_>));

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a List, an array of objects, or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let mut later = Vec::new();
        Items { each: self.0, kind: None, later: &mut later }.visit_seq(seq)?;
        for (at, item) in later {
            give(self.0, Some(at), None, &item);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut rest = Map::new();
        let mut is_list = false;
        let mut later = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                is_list = true;
                map.next_value_seed(Items { each: self.0, kind: ListKind::of(&rest), later: &mut later })?;
            } else {
                rest.insert(key, map.next_value()?);
            }
        }
        let is_object = rest.contains_key("kind") || rest.contains_key("metadata");
        if !is_list && !is_object {
            return Err(A::Error::custom("an object without `items`, `kind` and `metadata`"));
        }
        let kind = ListKind::of(&rest);
        for (at, item) in later {
            give(self.0, Some(at), kind.as_ref(), &item);
        }
        if !is_list {
            give(self.0, None, None, &Value::Object(rest));
        }
        Ok(())
    }
}

struct Items<'d> {
    each: &'d mut dyn FnMut(Item<'_>),
    kind: Option<ListKind>,
    /// Items that do not say what they are, before the list has said it.
    later: &'d mut Vec<(usize, Value)>,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut at = 0_usize;
        while let Some(item) = seq.next_element::<Value>()? {
            if self.kind.is_none() && item.get("kind").is_none() {
                self.later.push((at, item));
            } else {
                give(self.each, Some(at), self.kind.as_ref(), &item);
            }
            at = at.saturating_add(1);
        }
        Ok(())
    }

    /// `items: null` is how Go writes an empty list.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
