//! The README lists every common field, and nothing that is none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use flowcodec::model::Schema;

#[test]
fn every_common_field_is_listed() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(readme).unwrap();
    let section = text.split("## The common fields").nth(1).unwrap().split("\n- ").skip(1).collect::<Vec<_>>().join("\n");
    let lists = section.split("\n\n").next().unwrap();
    let listed: BTreeSet<&str> = lists.split('`').skip(1).step_by(2).collect();
    let schema = Schema::common();
    let fields: BTreeSet<&str> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(listed, fields);
}
