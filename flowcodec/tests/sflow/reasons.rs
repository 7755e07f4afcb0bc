//! Makes the table of drop reasons from the registry file, and holds the checked-in table to it.
//!
//! After a change of `registry/sflow-drop-reasons.csv` run `FLOWCODEC_WRITE_GENERATED=1 cargo test -p flowcodec --test sflow`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use flowcodec::sflow::DropReason;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn rows() -> Vec<(u32, String)> {
    let text = fs::read_to_string(Path::new(ROOT).join("registry/sflow-drop-reasons.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("Code,Name"));
    let mut rows: Vec<_> =
        lines.map(|line| line.split_once(',').unwrap()).map(|(c, n)| (c.parse().unwrap(), n.to_owned())).collect();
    rows.sort();
    rows
}

#[test]
fn the_table_follows_the_registry_file() {
    let rows = rows();
    let mut made =
        String::from("// Made from `registry/sflow-drop-reasons.csv` by `tests/sflow`. Do not edit.\n\n/// Ascending by code.\n");
    writeln!(made, "pub(super) static DROP_REASONS: [(u64, &str); {}] = [", rows.len()).unwrap();
    for (code, name) in &rows {
        writeln!(made, "({code}, {name:?}),").unwrap();
    }
    made.push_str("];\n");
    let path = Path::new(ROOT).join("src/ie/drop_reasons.rs");
    if std::env::var_os("FLOWCODEC_WRITE_GENERATED").is_some_and(|v| v == "1") {
        fs::write(&path, &made).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == made, "ie/drop_reasons.rs is stale");
}

#[test]
fn names() {
    let rows = rows();
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0), "a code stands twice");
    assert!(DropReason::all().map(|(reason, name)| (reason.0, name)).eq(rows.iter().map(|(code, name)| (*code, name.as_str()))));
    assert_eq!(DropReason(258).to_string(), "acl");
    assert_eq!(DropReason(0).name(), Some("net_unreachable"));
    assert_eq!(DropReason(332).name(), Some("dev_hdr"));
    assert_eq!((DropReason(16).name(), DropReason(16).to_string()), (None, "16".to_owned()));
    assert_eq!(DropReason(u32::MAX).name(), None);
}
