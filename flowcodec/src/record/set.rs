//! Sets of records: of one template, or a run of sFlow samples.

use super::record::Record;
use super::sampled::{self, SampleRef};
use super::whole::whole_records;
use crate::context::Context;
use crate::error::Fault;
use crate::model::FlowRecord;
use crate::sflow::{Places, Sample};
use crate::template::{RecordRef, RowScratch, Template, Templates, fill_rows};
use crate::wire::Input;

/// Records that stand together, borrowed: those of one template out of one set, or a run of sFlow samples of one kind. They were walked
/// before they were given: iterating cannot fail.
#[derive(Debug, Clone, Copy)]
pub struct RecordSet<'a> {
    context: &'a Context,
    octets: &'a [u8],
    len: u32,
    /// Where the first of samples begins in its datagram.
    offset: u32,
    of: Of<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Template {
        template: &'a Template,
        templates: Templates<'a>,
        bases: &'a [u32],
    },
    /// What was noted of each, and how deep records within records are read.
    Samples {
        places: &'a [Option<Places>],
        depth: u8,
    },
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
        Self { context, octets, len, offset: 0, of: Of::Template { template, templates, bases } }
    }

    /// `octets` hold exactly `len` samples, which can be read.
    pub(crate) const fn samples(
        context: &'a Context,
        octets: &'a [u8],
        offset: u32,
        places: &'a [Option<Places>],
        len: u32,
        depth: u8,
    ) -> Self {
        Self { context, octets, len, offset, of: Of::Samples { places, depth } }
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

    /// The template that describes them; sFlow has none.
    #[must_use]
    pub const fn template(&self) -> Option<&'a Template> {
        match self.of {
            Of::Template { template, .. } => Some(template),
            Of::Samples { .. } => None,
        }
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
        let bases = match self.of {
            Of::Template { bases, .. } => bases,
            Of::Samples { .. } => &[],
        };
        Records { set: *self, rest: self.octets, bases, left: self.len }
    }

    /// All records as rows, handed out in runs that stand in `scratch`. The fastest way to every record: a template's plan is run
    /// operation by operation over each run. No allocation once `scratch` has grown to the template.
    pub fn rows(&self, scratch: &mut RowScratch, each: impl FnMut(&[FlowRecord])) {
        match self.of {
            Of::Template { template, templates, .. } if template.section().is_none() => {
                let record = RecordRef { template, context: self.context, templates, raw: &[], bases: &[] };
                fill_rows(record, self.octets, scratch, each);
            }
            Of::Template { .. } => self.one_by_one(scratch, each),
            Of::Samples { places, depth, .. } => sampled::rows(self.context, self.octets, places, depth, scratch.rows(), each),
        }
    }

    /// Samples as rows in `rows`, as many as there is room for: how many that are. `None` for records of a template.
    pub(crate) fn rows_of_samples(&self, rows: &mut [FlowRecord]) -> Option<usize> {
        let Of::Samples { places, depth } = self.of else { return None };
        Some(sampled::first_rows(self.context, self.octets, places, depth, rows))
    }

    /// The template, and what else its records are read with; `None` for samples.
    pub(crate) const fn templated(&self) -> Option<(&'a Template, &Templates<'a>, &'a [u32])> {
        match &self.of {
            Of::Template { template, templates, bases } => Some((template, templates, bases)),
            Of::Samples { .. } => None,
        }
    }

    /// The first `count` records, and the others: how a part of a set is given to what takes sets. Cost: a walk over the first ones;
    /// no allocation.
    #[must_use]
    pub fn split_at(self, count: u32) -> (Self, Self) {
        let mut records = self.records();
        let first = records.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)).count();
        let used = self.octets.len().saturating_sub(records.rest.len());
        let of = match self.of {
            Of::Template { template, templates, .. } => Of::Template { template, templates, bases: records.bases },
            Of::Samples { places, depth } => Of::Samples { places: places.get(first..).unwrap_or_default(), depth },
        };
        let offset = self.offset.saturating_add(u32::try_from(used).unwrap_or(u32::MAX));
        let octets = self.octets.get(..used).unwrap_or_default();
        let head = Self { octets, len: u32::try_from(first).unwrap_or(count), ..self };
        (head, Self { octets: records.rest, len: records.left, offset, of, ..self })
    }

    fn one_by_one(&self, scratch: &mut RowScratch, mut each: impl FnMut(&[FlowRecord])) {
        let mut records = self.records();
        loop {
            let rows = scratch.rows();
            let mut count = 0_usize;
            // The rows go first: when they run out, no record may be taken in vain.
            for (row, record) in rows.iter_mut().zip(&mut records) {
                record.fill(row);
                count = count.saturating_add(1);
            }
            if count == 0 {
                return;
            }
            each(rows.get(..count).unwrap_or_default());
        }
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

impl<'a> Records<'a> {
    #[inline]
    fn of_template(&mut self, template: &'a Template, templates: Templates<'a>) -> Option<Record<'a>> {
        let (bases, length) = match self.bases.split_at_checked(template.skips().len().wrapping_add(1)) {
            None => (&[][..], template.record_at(self.rest)?),
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
        Some(Record::from(RecordRef { template, context: self.set.context, templates, raw, bases }))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        match self.set.of {
            Of::Template { template, templates, .. } => self.of_template(template, templates),
            Of::Samples { depth, .. } => {
                let before = self.set.octets.len().wrapping_sub(self.rest.len());
                let offset = self.set.offset.wrapping_add(u32::try_from(before).unwrap_or(u32::MAX));
                let (sample, rest) = Sample::split_first(self.rest, offset)?;
                let raw = self.rest.get(..self.rest.len().wrapping_sub(rest.len()))?;
                self.rest = rest;
                Some(Record::from(SampleRef { context: self.set.context, sample, raw, depth }))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Records<'_> {}
