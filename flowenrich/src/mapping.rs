//! Which address field gets which prefix: `SrcAddr=Src,DstAddr=Dst,NextHop=Nxt`.

use std::fmt;
use std::str::FromStr;

use flowcodec::model::{ColumnType, FieldId, Schema};

use crate::enricher::BindError;

/// One pair of a mapping: the fields that an enricher adds for the address in `field` are named `prefix` and their own name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Pair {
    /// The field asked about.
    pub field: String,
    /// What the names of added fields begin with.
    pub prefix: String,
}

/// Which fields hold the addresses to look up, and how the added fields begin; the order is kept, and a field may stand twice.
///
/// In text, pairs are joined by commas, field and prefix by one `=`. Nothing is trimmed, and names may be empty: that a field exists is
/// asked when the mapping is bound to a schema.
///
/// ```
/// use flowenrich::Mapping;
/// let mapping: Mapping = "SrcAddr=Src,DstAddr=Dst,NextHop=Nxt".parse()?;
/// assert_eq!(mapping.pairs().len(), 3);
/// assert_eq!("SrcAddr".parse::<Mapping>().unwrap_err().to_string(), "Invalid fields mapping pair 'SrcAddr' in 'SrcAddr'");
/// # Ok::<(), flowenrich::MappingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mapping(Vec<Pair>);

impl Mapping {
    /// From fields and prefixes.
    pub fn new<F: Into<String>, P: Into<String>>(pairs: impl IntoIterator<Item = (F, P)>) -> Self {
        Self(pairs.into_iter().map(|(field, prefix)| Pair { field: field.into(), prefix: prefix.into() }).collect())
    }

    /// The pairs in order.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.0
    }
}

/// Both ends of a flow of the common model: `src_addr=src_,dst_addr=dst_`.
impl Default for Mapping {
    fn default() -> Self {
        Self::new([("src_addr", "src_"), ("dst_addr", "dst_")])
    }
}

/// Why a mapping could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid fields mapping pair '{pair}' in '{mapping}'")]
#[non_exhaustive]
pub struct MappingError {
    /// The pair that is none.
    pub pair: String,
    /// All of the text.
    pub mapping: String,
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((field, prefix)) if !prefix.contains('=') => Ok(Pair { field: field.to_owned(), prefix: prefix.to_owned() }),
            _ => Err(MappingError { pair: pair.to_owned(), mapping: text.to_owned() }),
        };
        text.split(',').map(pair).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Pair { field, prefix }) in self.0.iter().enumerate() {
            write!(f, "{}{field}={prefix}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Finds a field by its name in the schema, or by the same word written as goflow2 writes it (`SrcAddr` is `src_addr`).
pub(crate) fn field_of(schema: &Schema, name: &str, wanted: ColumnType) -> Result<FieldId, BindError> {
    let plain = |name: &str| name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect::<String>();
    let same_word = || schema.fields().iter().find(|field| !name.is_empty() && plain(&field.name) == plain(name));
    let id = schema.find(name).or_else(|| schema.find(&same_word()?.name));
    let Some((id, spec)) = id.and_then(|id| Some((id, schema.field(id)?))) else {
        return Err(BindError::NoSuchField { name: name.to_owned(), near: nearest(schema, name, wanted) });
    };
    if spec.column != wanted {
        return Err(BindError::WrongType { name: spec.name.to_string(), wanted, found: spec.column });
    }
    Ok(id)
}

fn nearest(schema: &Schema, name: &str, wanted: ColumnType) -> Option<String> {
    let fields = schema.fields().iter().filter(|field| field.column == wanted);
    let near = fields.map(|field| (strsim::jaro_winkler(&field.name, &name.to_ascii_lowercase()), &field.name));
    near.filter(|(likeness, _)| *likeness > 0.8).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_strict_and_keeps_what_is_written() {
        let mapping: Mapping = "SrcAddr=Src,DstAddr=Dst,SrcAddr=Other, NextHop=,=x".parse().unwrap();
        let pairs: Vec<_> = mapping.pairs().iter().map(|pair| (&*pair.field, &*pair.prefix)).collect();
        assert_eq!(pairs, [("SrcAddr", "Src"), ("DstAddr", "Dst"), ("SrcAddr", "Other"), (" NextHop", ""), ("", "x")]);
        assert_eq!(mapping.to_string(), "SrcAddr=Src,DstAddr=Dst,SrcAddr=Other, NextHop=,=x");
        for (text, pair) in [("", ""), ("a=b,", ""), ("a=b=c", "a=b=c"), ("a=b,c", "c")] {
            let error = text.parse::<Mapping>().unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid fields mapping pair '{pair}' in '{text}'"));
        }
    }

    #[test]
    fn fields_are_found_in_both_spellings() {
        let schema = Schema::common();
        let src = schema.find("src_addr").unwrap();
        assert_eq!(field_of(&schema, "src_addr", ColumnType::Address).unwrap(), src);
        assert_eq!(field_of(&schema, "SrcAddr", ColumnType::Address).unwrap(), src);
        let error = |name| field_of(&schema, name, ColumnType::Address).unwrap_err().to_string();
        assert_eq!(error("src_adr"), "no field is named 'src_adr'; did you mean 'src_addr'?");
        assert_eq!(error(""), "no field is named ''");
        assert_eq!(error("src_port"), "the field 'src_port' is of type u16, not address");
    }
}
