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

/// The text is no JSON, or neither a list nor an object. Says line and column.
#[derive(Debug, thiserror::Error)]
#[error("not a dump of Kubernetes objects: {0}")]
pub struct DumpError(#[from] serde_json::Error);

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
        let mut json = serde_json::Deserializer::from_reader(from);
        Top(&mut dump).deserialize(&mut json)?;
        json.end()?;
        Ok(dump)
    }

    /// [`read`](Self::read) from memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_slice(octets: &[u8]) -> Result<Self, DumpError> {
        Self::read(octets)
    }

    fn take(&mut self, at: Option<usize>, list_kind: Option<&ListKind>, item: &Value) {
        let mut problems = Vec::new();
        let object = match list_kind {
            Some(kind) if item.get("kind").is_none() => Object::read_as(&kind.version, &kind.kind, item, &mut problems),
            _ => Object::read(item, &mut problems),
        };
        self.objects.extend(object);
        self.problem_count = self.problem_count.saturating_add(problems.len());
        let room = Self::MOST_PROBLEMS.saturating_sub(self.problems.len());
        self.problems.extend(problems.into_iter().take(room).map(|mut problem| {
            if let Some(at) = at {
                problem.place = format!("items[{at}], {}", problem.place);
            }
            problem
        }));
    }
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

struct Top<'d>(&'d mut Dump);

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
        Items { dump: self.0, kind: None, later: &mut later }.visit_seq(seq)?;
        for (at, item) in later {
            self.0.take(Some(at), None, &item);
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
                map.next_value_seed(Items { dump: self.0, kind: ListKind::of(&rest), later: &mut later })?;
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
            self.0.take(Some(at), kind.as_ref(), &item);
        }
        if !is_list {
            self.0.take(None, None, &Value::Object(rest));
        }
        Ok(())
    }
}

struct Items<'d> {
    dump: &'d mut Dump,
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
                self.dump.take(Some(at), self.kind.as_ref(), &item);
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
