//! One record.

use super::fields::Fields;
use super::sampled::SampleRef;
use super::section::Section;
use super::value::{Element, Elements};
use crate::context::Context;
use crate::model::{Field, FieldId, FieldType, FieldValue, Flow, FlowRecord, OtherElement, Schema};
use crate::packet::Headers;
use crate::sflow::Sample;
use crate::template::{RecordRef, Template, Templates};

/// One record, borrowed: a template and octets, or an sFlow sample. Reading a field cannot fail: it is there or it is not.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(Of<'a>);

#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Template(RecordRef<'a>),
    Sample(SampleRef<'a>),
}

impl<'a> From<RecordRef<'a>> for Record<'a> {
    #[inline]
    fn from(record: RecordRef<'a>) -> Self {
        Self(Of::Template(record))
    }
}

impl<'a> From<SampleRef<'a>> for Record<'a> {
    #[inline]
    fn from(sample: SampleRef<'a>) -> Self {
        Self(Of::Sample(sample))
    }
}

impl<'a> Record<'a> {
    /// Its octets; of a sample all of them, from its format on.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        match &self.0 {
            Of::Template(record) => record.raw,
            Of::Sample(it) => it.raw,
        }
    }

    /// The message it came in.
    #[must_use]
    pub const fn context(&self) -> &'a Context {
        match &self.0 {
            Of::Template(record) => record.context,
            Of::Sample(it) => it.context,
        }
    }

    /// The template that describes it; sFlow has none.
    #[must_use]
    pub const fn template(&self) -> Option<&'a Template> {
        match &self.0 {
            Of::Template(record) => Some(record.template),
            Of::Sample(_) => None,
        }
    }

    /// The sFlow sample it is.
    #[must_use]
    pub const fn sample(&self) -> Option<&Sample<'a>> {
        match &self.0 {
            Of::Template(_) => None,
            Of::Sample(it) => Some(&it.sample),
        }
    }

    /// The records of the sample that can be read; none of a record that is no sample.
    pub fn structures(&self) -> impl Iterator<Item = crate::sflow::Structure<'a>> + use<'a> {
        let sample = match &self.0 {
            Of::Template(_) => None,
            Of::Sample(it) => Some(*it),
        };
        sample.into_iter().flat_map(|it| it.records())
    }

    /// The headers of the packet it was sampled from: of an sFlow raw packet header, or a packet section (elements 104, 313, 315, 316).
    /// What is inside tunnels is found from there ([`Headers::inner`]).
    #[must_use]
    pub fn headers(&self) -> Option<Headers<'a>> {
        match &self.0 {
            Of::Template(record) => Section::of(record).map(|section| *section.headers()),
            Of::Sample(it) => it.headers(),
        }
    }

    /// The templates its lists may refer to.
    #[must_use]
    pub const fn templates(&self) -> Templates<'a> {
        match &self.0 {
            Of::Template(record) => record.templates,
            Of::Sample(_) => Templates::NONE,
        }
    }

    /// A common field. Cost: a search among the template's fields, and one step for each variable-length field in front of the value; of
    /// a sample, a walk over its records.
    ///
    /// ```no_run
    /// # fn show(record: flowcodec::Record<'_>) {
    /// use flowcodec::field;
    /// if let (Some(pod), Some(octets)) = (record.get(field::SRC_POD), record.get(field::OCTETS)) {
    ///     println!("{pod}: {octets}");
    /// }
    /// # }
    /// ```
    #[must_use]
    #[inline]
    pub fn get<T: FieldType>(&self, field: Field<T>) -> Option<T::Out<'a>> {
        // No element of a sample feeds a field that was added to the core.
        let tag = self.template().map_or(0, Template::schema_tag);
        if !field.belongs_to(tag) {
            return None;
        }
        T::out(self.value(field.id())?)
    }

    /// A common field known by number: of the schema the template was compiled for.
    #[must_use]
    #[inline]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        match &self.0 {
            Of::Template(record) => record
                .bound(record.template.bindings(id))
                .or_else(|| record.of_context(id))
                .or_else(|| Section::of(record)?.value(id)),
            Of::Sample(it) => it.value(id),
        }
    }

    /// All common fields that are present, in the order of `schema`: one pass, and cheaper than asking for each. When the template was
    /// compiled for a schema with other added fields, only the core fields.
    #[must_use]
    pub fn fields(&self, schema: &Schema) -> Fields<'a> {
        match &self.0 {
            Of::Template(record) => Fields::of_template(*record, schema),
            Of::Sample(it) => Fields::of_sample(*it),
        }
    }

    /// All its elements in wire order, repeats kept, known or not.
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        match &self.0 {
            Of::Template(record) => Elements::of_template(*record),
            Of::Sample(it) => Elements::of_sample(*it),
        }
    }

    /// The first element with this id.
    #[must_use]
    pub fn element(&self, id: crate::ie::ElementId) -> Option<Element<'a>> {
        self.elements().find(|element| element.id() == id)
    }

    /// The element of the template field number `at`. Cost: one step for each variable-length field in front of it.
    #[must_use]
    #[inline]
    pub fn element_at(&self, at: u16) -> Option<Element<'a>> {
        match &self.0 {
            Of::Template(record) => Element::at(*record, at),
            Of::Sample(_) => None,
        }
    }

    /// Octets of the template field number `at`.
    #[must_use]
    #[inline]
    pub fn octets_at(&self, at: u16) -> Option<&'a [u8]> {
        match &self.0 {
            Of::Template(record) => record.octets(at),
            Of::Sample(_) => None,
        }
    }

    /// Writes where each variable-length field of the template ends into `ends`, in order: one pass finds them all.
    #[inline]
    pub fn variable_ends(&self, ends: &mut Vec<u32>) {
        ends.clear();
        let Of::Template(record) = &self.0 else { return };
        if let Some((first, bases)) = record.bases.split_first() {
            ends.extend(bases.iter().map(|base| base.wrapping_sub(*first)));
            return;
        }
        let mut at = 0_usize;
        for &skip in record.template.skips() {
            let Some(end) = crate::template::variable_end(record.raw, at.wrapping_add(usize::from(skip))) else { return };
            ends.push(u32::try_from(end).unwrap_or(u32::MAX));
            at = end;
        }
    }

    /// Fills a row with all the common fields it has a place for.
    pub fn fill(&self, row: &mut FlowRecord) {
        match &self.0 {
            Of::Template(record) => {
                record.fill(row);
                if let Some(section) = Section::of(record) {
                    section.fill(row);
                }
            }
            Of::Sample(it) => it.fill(row),
        }
    }

    /// An owned copy of everything: the common fields that `schema` and the template's have together, and every element that none of
    /// them says all of. Of a sample, all elements.
    #[must_use]
    pub fn to_flow(&self, schema: &std::sync::Arc<Schema>) -> Flow {
        let mut flow = Flow::new(std::sync::Arc::clone(schema));
        let taken = self.fields(schema).take(|id, value| flow.set(id, value));
        for (_, element) in self.elements().enumerate().filter(|(at, _)| !taken.whole(*at)) {
            flow.push_other(OtherElement::new(element.id(), element.octets()));
        }
        flow
    }
}
