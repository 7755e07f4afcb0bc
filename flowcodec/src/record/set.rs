//! Sets of records, and one record.

use super::fields::Fields;
use super::value::{Element, Elements};
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer};
use crate::model::{Field, FieldId, FieldType, FieldValue, Flow, FlowRecord, OtherElement, Schema};
use crate::template::{RecordRef, RowScratch, Template, Templates, fill_rows};
use crate::wire::{Input, len32};

/// Records of one template out of one set, borrowed. They were walked before they were given: iterating cannot fail.
#[derive(Debug, Clone, Copy)]
pub struct RecordSet<'a> {
    context: &'a Context,
    template: &'a Template,
    templates: Templates<'a>,
    octets: &'a [u8],
    bases: &'a [u32],
    len: u32,
}

impl<'a> RecordSet<'a> {
    /// `octets` hold exactly `len` whole records of `template`.
    pub(crate) const fn new(
        context: &'a Context,
        template: &'a Template,
        templates: Templates<'a>,
        octets: &'a [u8],
        bases: &'a [u32],
        len: u32,
    ) -> Self {
        Self { context, template, templates, octets, bases, len }
    }

    /// The records in the `body` of a data set, for those who bring their own state; the decoder does this by itself. The whole records
    /// are given, and what is wrong behind them. `templates` are for the lists in them.
    ///
    /// ```
    /// # let mut datagram = vec![0, 10, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4];
    /// # datagram.extend([1, 0, 0, 8, 192, 0, 2, 7]);
    /// use flowcodec::ie::Elements;
    /// use flowcodec::ipfix::{Message, Set};
    /// use flowcodec::model::Schema;
    /// use flowcodec::template::{Template, Templates};
    /// use flowcodec::{Context, Exporter, Limits, Protocol, RecordSet, Timestamp, field};
    ///
    /// let (schema, elements, limits) = (Schema::common(), Elements::default(), Limits::default());
    /// let message = Message::parse(&datagram)?;
    /// let mut context = Context::new(Exporter::new([192, 0, 2, 1].into(), 4739), Timestamp::EPOCH);
    /// (context.protocol, context.domain) = (Protocol::Ipfix, message.header().domain);
    /// context.exported = message.header().exported();
    /// let mut mine = Vec::new();
    /// for set in message.sets() {
    ///     match set? {
    ///         Set::Templates(records) => {
    ///             for record in records {
    ///                 mine.push(Template::new(&record?, &elements, &schema, &limits)?);
    ///             }
    ///         }
    ///         Set::Data { id, body } => {
    ///             let template = mine.iter().find(|template| template.id() == id).expect("announced before");
    ///             let (set, fault) = RecordSet::read(template, body, &context, Templates::new(&mine, &elements, &limits));
    ///             let record = set.records().next().expect("one record");
    ///             assert_eq!(record.get(field::SRC_ADDR), Some([192, 0, 2, 7].into()));
    ///             assert_eq!((record.elements().count(), fault), (1, None));
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok::<(), flowcodec::Fault>(())
    /// ```
    #[must_use]
    pub fn read(
        template: &'a Template,
        body: Input<'a>,
        context: &'a Context,
        templates: Templates<'a>,
    ) -> (Self, Option<Fault>) {
        let (len, used, cut) = whole_records(template, body, &mut Vec::new());
        let octets = body.bytes().get(..used).unwrap_or_default();
        (Self::new(context, template, templates, octets, &[], len), cut)
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
        Records { set: *self, rest: self.octets, bases: self.bases, left: self.len }
    }

    /// All records as rows, handed out in runs that stand in `scratch`. The fastest way to every record: the plan is run operation
    /// by operation over each run. No allocation once `scratch` has grown to the template.
    pub fn rows(&self, scratch: &mut RowScratch, each: impl FnMut(&[FlowRecord])) {
        fill_rows(self.record_ref(&[], &[]), self.octets, scratch, each);
    }

    const fn record_ref(&self, raw: &'a [u8], bases: &'a [u32]) -> RecordRef<'a> {
        RecordRef { template: self.template, context: self.context, templates: self.templates, raw, bases }
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
    bases: &'a [u32],
    left: u32,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let left = self.left.checked_sub(1)?;
        self.left = left;
        let (bases, length) = match self.bases.split_at_checked(self.set.template.skips().len().wrapping_add(1)) {
            None => (&[][..], self.set.template.record_at(self.rest)?),
            Some((bases, rest)) => {
                self.bases = rest;
                let length = match (bases.first(), rest.first()) {
                    (Some(start), Some(end)) => usize::try_from(end.wrapping_sub(*start)).ok()?,
                    _ => self.rest.len(),
                };
                (bases, length)
            }
        };
        let (raw, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Record { inner: self.set.record_ref(raw, bases) })
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

    /// A common field known by number: of the schema the template was compiled for.
    #[must_use]
    #[inline]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        self.inner.bound(self.inner.template.bindings(id)).or_else(|| self.inner.of_context(id))
    }

    /// All common fields that are present, in the order of `schema`: one pass, and cheaper than asking for each. When the template was
    /// compiled for a schema with other added fields, only the core fields.
    #[must_use]
    pub fn fields(&self, schema: &Schema) -> Fields<'a> {
        Fields::new(self.inner, schema)
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

    /// The element of the template field number `at`. Cost: one step for each variable-length field in front of it.
    #[must_use]
    #[inline]
    pub fn element_at(&self, at: u16) -> Option<Element<'a>> {
        Element::at(*self, at)
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
        if let Some((first, bases)) = self.inner.bases.split_first() {
            ends.extend(bases.iter().map(|base| base.wrapping_sub(*first)));
            return;
        }
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

    /// An owned copy of everything: the common fields that `schema` and the template's have together, and every element that none of
    /// them says all of.
    #[must_use]
    pub fn to_flow(&self, schema: &std::sync::Arc<Schema>) -> Flow {
        let mut flow = Flow::new(std::sync::Arc::clone(schema));
        let taken = self.fields(schema).take(|id, value| flow.set(id, value));
        for (_, element) in self.elements().enumerate().filter(|(at, _)| !taken.whole(*at)) {
            flow.push_other(OtherElement::new(element.id(), element.octets()));
        }
        flow
    }

    /// The same record, one list further in; `None` when lists are not read so deep.
    pub(super) fn inside(&self) -> Option<Self> {
        Some(Self { inner: RecordRef { templates: self.inner.templates.inside()?, ..self.inner } })
    }

    pub(super) const fn nested(&self, template: &'a Template, raw: &'a [u8]) -> Self {
        Self { inner: RecordRef { template, raw, bases: &[], ..self.inner } }
    }
}

/// Places noted of one set at most: 16 KiB. Of a set with more of them, records are walked again when they are read.
pub(crate) const MOST_BASES: usize = 4_096;

/// Number of whole records in the body of a set, their octets, and what is wrong behind them. Up to three octets, or only zeros, are
/// padding (RFC 7011 §3.3.1); more is a record that was cut. Cost: one step for each variable-length field; where each of them ends is
/// noted in `bases`, so that nobody has to walk there again.
pub(crate) fn whole_records(template: &Template, body: Input<'_>, bases: &mut Vec<u32>) -> (u32, usize, Option<Fault>) {
    bases.clear();
    let (len, used, truncated) = count(template, body.bytes(), bases);
    let rest = body.bytes().get(used..).unwrap_or_default();
    let cut = (truncated || (rest.len() > 3 && rest.iter().any(|&octet| octet != 0))).then(|| {
        let kind = if truncated { FaultKind::RecordTruncated } else { FaultKind::TrailingOctets };
        let offset = body.offset().saturating_add(u32::try_from(used).unwrap_or(u32::MAX));
        let fault = Fault::new(kind, Layer::Record, body.limit(), offset);
        fault.sizes(template.min_record_len(), len32(rest)).costing(len32(rest))
    });
    (len, used, cut)
}

/// Number of whole records, their octets, and whether the one behind them runs past the end.
fn count(template: &Template, body: &[u8], bases: &mut Vec<u32>) -> (u32, usize, bool) {
    let tail = usize::try_from(template.tail()).unwrap_or(usize::MAX);
    if let Some(length) = template.record_len().and_then(|length| usize::try_from(length).ok()) {
        let len = body.len().checked_div(length).unwrap_or(0);
        return (u32::try_from(len).unwrap_or(u32::MAX), len.saturating_mul(length), false);
    }
    let min = usize::try_from(template.min_record_len()).unwrap_or(usize::MAX);
    let stride = template.skips().len().saturating_add(1);
    let (mut len, mut used, mut noting) = (0_u32, 0_usize, true);
    loop {
        let rest = body.get(used..).unwrap_or_default();
        if rest.len() < min {
            return (len, used, false);
        }
        noting &= bases.len().saturating_add(stride) <= MOST_BASES;
        let length = if noting {
            let noted = bases.len();
            let end =
                template.note_segments(body, used, bases).map(|at| at.saturating_add(tail)).filter(|&end| end <= body.len());
            if end.is_none() {
                bases.truncate(noted);
            }
            end.map(|end| end.saturating_sub(used))
        } else {
            bases.clear();
            template.record_at(rest)
        };
        match length {
            Some(length) => {
                used = used.saturating_add(length);
                len = len.saturating_add(1);
            }
            None => return (len, used, true),
        }
    }
}
