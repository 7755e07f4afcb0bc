//! Sets of records, and one record.

use super::value::{Element, Elements};
use crate::context::Context;
use crate::model::{Field, FieldId, FieldType, FieldValue, Flow, FlowRecord, OtherElement, Schema};
use crate::template::{RecordRef, RowScratch, Template, Templates, fill_rows};

/// Records of one template out of one set, borrowed. They were walked before they were given: iterating cannot fail.
#[derive(Debug, Clone, Copy)]
pub struct RecordSet<'a> {
    context: &'a Context,
    template: &'a Template,
    templates: Templates<'a>,
    octets: &'a [u8],
    len: u32,
}

impl<'a> RecordSet<'a> {
    /// `octets` hold exactly `len` whole records of `template`.
    pub(crate) const fn new(
        context: &'a Context,
        template: &'a Template,
        templates: Templates<'a>,
        octets: &'a [u8],
        len: u32,
    ) -> Self {
        Self { context, template, templates, octets, len }
    }

    /// The message they came in.
    #[must_use]
    pub const fn context(&self) -> &'a Context {
        self.context
    }

    /// The template that describes them.
    #[must_use]
    pub const fn template(&self) -> &'a Template {
        self.template
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The octets of all records, one after the other.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.octets
    }

    /// The records.
    #[must_use]
    pub const fn records(&self) -> Records<'a> {
        Records { set: *self, rest: self.octets, left: self.len }
    }

    /// All records as rows, handed out in runs that stand in `scratch`. The fastest way to every record: the plan is run operation
    /// by operation over each run. No allocation once `scratch` has grown to the template.
    pub fn rows(&self, scratch: &mut RowScratch, each: impl FnMut(&[FlowRecord])) {
        fill_rows(self.record_ref(&[]), self.octets, scratch, each);
    }

    const fn record_ref(&self, raw: &'a [u8]) -> RecordRef<'a> {
        RecordRef { template: self.template, context: self.context, templates: self.templates, raw }
    }
}

impl<'a> IntoIterator for RecordSet<'a> {
    type Item = Record<'a>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.records()
    }
}

/// The records of a [`RecordSet`].
#[derive(Debug, Clone)]
pub struct Records<'a> {
    set: RecordSet<'a>,
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let left = self.left.checked_sub(1)?;
        let (raw, rest) = self.rest.split_at_checked(self.set.template.record_at(self.rest)?)?;
        self.rest = rest;
        self.left = left;
        Some(Record { inner: self.set.record_ref(raw) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Records<'_> {}

/// One record: a template and borrowed octets. Reading a field cannot fail: it is there or it is not.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    inner: RecordRef<'a>,
}

impl<'a> From<RecordRef<'a>> for Record<'a> {
    fn from(inner: RecordRef<'a>) -> Self {
        Self { inner }
    }
}

impl<'a> Record<'a> {
    /// Its octets.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.inner.raw
    }

    /// The message it came in.
    #[must_use]
    pub const fn context(&self) -> &'a Context {
        self.inner.context
    }

    /// The template that describes it.
    #[must_use]
    pub const fn template(&self) -> &'a Template {
        self.inner.template
    }

    /// The templates its lists may refer to.
    #[must_use]
    pub const fn templates(&self) -> Templates<'a> {
        self.inner.templates
    }

    /// A common field. Cost: a search among the template's fields, and one step for each variable-length field in front of the value.
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
        if !field.belongs_to(self.inner.template.schema_tag()) {
            return None;
        }
        T::out(self.value(field.id())?)
    }

    /// A common field known by number.
    #[must_use]
    #[inline]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        self.inner.bound(self.inner.template.bindings(id)).or_else(|| self.inner.of_context(id))
    }

    /// All its elements in wire order, repeats kept, known or not.
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(*self)
    }

    /// The first element with this id.
    #[must_use]
    pub fn element(&self, id: crate::ie::ElementId) -> Option<Element<'a>> {
        self.elements().find(|element| element.id() == id)
    }

    /// Octets of the template field number `at`.
    #[must_use]
    #[inline]
    pub fn octets_at(&self, at: u16) -> Option<&'a [u8]> {
        self.inner.octets(at)
    }

    /// Writes where each variable-length field of the template ends into `ends`, in order: one pass finds them all.
    #[inline]
    pub fn variable_ends(&self, ends: &mut Vec<u32>) {
        ends.clear();
        let mut at = 0_usize;
        for &skip in self.inner.template.skips() {
            let Some(end) = crate::template::variable_end(self.inner.raw, at.wrapping_add(usize::from(skip))) else { return };
            ends.push(u32::try_from(end).unwrap_or(u32::MAX));
            at = end;
        }
    }

    /// Fills a row with all the common fields it has a place for.
    pub fn fill(&self, row: &mut FlowRecord) {
        self.inner.fill(row);
    }

    /// An owned copy of everything: the common fields, and the elements that feed none.
    #[must_use]
    pub fn to_flow(&self, schema: &std::sync::Arc<Schema>) -> Flow {
        let mut flow = Flow::new(std::sync::Arc::clone(schema));
        for id in (0_u16..).take(schema.fields().len()).map(FieldId::new) {
            if let Some(value) = self.value(id) {
                flow.set(id, value);
            }
        }
        for element in self.elements().filter(|element| schema.wanting(element.id()).is_empty()) {
            flow.push_other(OtherElement::new(element.id(), element.octets()));
        }
        flow
    }

    pub(super) const fn nested(&self, template: &'a Template, raw: &'a [u8]) -> Self {
        Self { inner: RecordRef { template, raw, ..self.inner } }
    }
}
