//! The fields that joined flows have beside the common ones and those of connections.

use flowcodec::model::{Field, FieldDef, FieldId, FieldSpec, Schema, String, U8, U32, Unit};

static JOIN: FieldDef<String> = FieldDef::new(
    "join",
    Unit::None,
    "What an IP flow found: `matched` one leg, `ambiguous` several, `unmatched` none. `leg` is a leg that no flow was found for.",
    &[],
);
static LEGS: FieldDef<U32> = FieldDef::new("join_legs", Unit::None, "How many legs fit an IP flow.", &[]);
static END: FieldDef<String> =
    FieldDef::new("join_end", Unit::None, "Which end of the connection the leg is: client or server.", &[]);
static SITE: FieldDef<String> = FieldDef::new("join_site", Unit::None, "Site of the IP flow's exporter, or of the leg.", &[]);
static REVERSED: FieldDef<U8> =
    FieldDef::new("join_reversed", Unit::None, "1 when the IP flow goes from the leg's destination to its source.", &[]);

/// All fields that the join adds to a schema.
pub(super) fn fields() -> impl Iterator<Item = FieldSpec> {
    [JOIN.spec(), LEGS.spec(), END.spec(), SITE.spec(), REVERSED.spec()].into_iter()
}

/// Where they are in a schema; those that it lacks are left out.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) join: Option<FieldId>,
    pub(super) legs: Option<FieldId>,
    pub(super) end: Option<FieldId>,
    pub(super) site: Option<FieldId>,
    pub(super) reversed: Option<FieldId>,
}

impl Places {
    pub(super) fn new(schema: &Schema) -> Self {
        Self {
            join: schema.resolve(&JOIN).map(Field::id),
            legs: schema.resolve(&LEGS).map(Field::id),
            end: schema.resolve(&END).map(Field::id),
            site: schema.resolve(&SITE).map(Field::id),
            reversed: schema.resolve(&REVERSED).map(Field::id),
        }
    }
}
