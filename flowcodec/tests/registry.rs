//! Makes the element tables from the registry files, and holds the checked-in tables to them.
//!
//! After a change of `registry/*.csv` run
//! `FLOWCODEC_WRITE_GENERATED=1 cargo test -p flowcodec --test registry` and commit the result.

#[cfg(test)]
mod generator {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    /// Enterprise number of the reverse elements (RFC 5103).
    const REVERSE_PEN: u32 = 29305;

    /// Enterprise elements that their owner advises against; the enterprise file has no status column.
    const DEPRECATED: [(u32, u16); 2] = [(56506, 106), (56506, 107)];

    /// NetFlow v9 scope types (RFC 3954 section 6.1). Only an interface is a number everywhere.
    const SCOPES: [(u16, &str, &str); 5] = [
        (1, "scopeSystem", "octetArray"),
        (2, "scopeInterface", "unsigned32"),
        (3, "scopeLineCard", "octetArray"),
        (4, "scopeCache", "octetArray"),
        (5, "scopeTemplate", "octetArray"),
    ];

    /// Value registries whose title does not name the element.
    const ELEMENT_OF_REGISTRY: [(&str, u16); 6] = [
        ("forwarding-status-01b", 89),
        ("forwarding-status-10b", 89),
        ("forwarding-status-11b", 89),
        ("ipfix-information-element-data-types", 339),
        ("ipfix-information-element-semantics", 344),
        ("ipfix-information-element-units", 345),
    ];

    /// The registry prints `Private` for both address realms; 2 is the public one (RFC 8158).
    const CORRECTED: [(u16, u64, &str); 1] = [(229, 2, "Public")];

    const TYPES: [(&str, &str, &str); 24] = [
        ("unsigned8", "Unsigned8", "U8"),
        ("unsigned16", "Unsigned16", "U16"),
        ("unsigned32", "Unsigned32", "U32"),
        ("unsigned64", "Unsigned64", "U64"),
        ("unsigned256", "Unsigned256", "U256"),
        ("signed8", "Signed8", "I8"),
        ("signed16", "Signed16", "I16"),
        ("signed32", "Signed32", "I32"),
        ("signed64", "Signed64", "I64"),
        ("float32", "Float32", "F32"),
        ("float64", "Float64", "F64"),
        ("boolean", "Boolean", "Bool"),
        ("macAddress", "MacAddress", "Mac"),
        ("octetArray", "OctetArray", "Octets"),
        ("string", "String", "Str"),
        ("dateTimeSeconds", "DateTimeSeconds", "Sec"),
        ("dateTimeMilliseconds", "DateTimeMilliseconds", "Milli"),
        ("dateTimeMicroseconds", "DateTimeMicroseconds", "Micro"),
        ("dateTimeNanoseconds", "DateTimeNanoseconds", "Nano"),
        ("ipv4Address", "Ipv4Address", "Ip4"),
        ("ipv6Address", "Ipv6Address", "Ip6"),
        ("basicList", "BasicList", "BList"),
        ("subTemplateList", "SubTemplateList", "SubList"),
        ("subTemplateMultiList", "SubTemplateMultiList", "SubMulti"),
    ];

    const SEMANTICS: [(&str, &str, &str); 9] = [
        ("default", "Default", "Plain"),
        ("quantity", "Quantity", "Quantity"),
        ("totalCounter", "TotalCounter", "Total"),
        ("deltaCounter", "DeltaCounter", "Delta"),
        ("identifier", "Identifier", "Ident"),
        ("flags", "Flags", "Flags"),
        ("list", "List", "List"),
        ("snmpCounter", "SnmpCounter", "SnmpCounter"),
        ("snmpGauge", "SnmpGauge", "SnmpGauge"),
    ];

    #[derive(Clone)]
    struct Row {
        name: String,
        data_type: String,
        semantics: String,
        units: String,
        deprecated: bool,
    }

    /// Ordered as `ElementId` is.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Key {
        Ipfix(u32, u16),
        NetFlow9(u16),
        Scope(u16),
    }

    #[test]
    fn generated_tables_follow_the_registry_files() {
        let path = Path::new(ROOT).join("src/ie/generated.rs");
        let made = generate();
        if std::env::var_os("FLOWCODEC_WRITE_GENERATED").is_some_and(|v| v == "1") {
            fs::write(&path, &made).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap();
        if let Some((at, (kept, made))) = kept.lines().zip(made.lines()).enumerate().find(|(_, (kept, made))| kept != made) {
            panic!("generated.rs line {} is stale:\n  kept {kept}\n  made {made}", at + 1);
        }
        assert!(kept == made, "generated.rs is stale: {} bytes kept, {} made", kept.len(), made.len());
    }

    #[test]
    fn no_element_stands_twice_in_the_table() {
        let mut seen = BTreeSet::new();
        for element in flowcodec::ie::elements() {
            assert!(seen.insert(element.id), "{} stands twice", element.id);
        }
        // Rows of the generated text, not only what the program sees of them.
        let kept = fs::read_to_string(Path::new(ROOT).join("src/ie/generated.rs")).unwrap();
        let rows = kept.lines().filter(|l| ["e(", "v(", "s("].iter().any(|p| l.starts_with(p)));
        assert_eq!(rows.count(), seen.len());
    }

    #[test]
    fn quoted_csv_fields() {
        let parsed = parse_csv("a,b\n1,\"x, \"\"y\"\"\nz\"\n");
        assert_eq!(parsed, [["a", "b"], ["1", "x, \"y\"\nz"]]);
    }

    fn generate() -> String {
        let rows = element_rows();
        let mut out = String::from(
            "// Made from `registry/*.csv` by `tests/registry.rs`. Do not edit.\n\n\
             use super::types::{Element, e, s, v};\n",
        );
        for (path, table) in [("DataType", &TYPES[..]), ("Semantics", &SEMANTICS[..])] {
            writeln!(out, "use super::types::{path}::{{").unwrap();
            for (_, variant, short) in table {
                let alias = if short == variant { String::new() } else { format!(" as {short}") };
                writeln!(out, "    {variant}{alias},").unwrap();
            }
            out.push_str("};\n");
        }

        writeln!(out, "\n/// Ascending by id.\npub(super) static ELEMENTS: [Element; {}] = [", rows.len()).unwrap();
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        for row in rows.values() {
            *names.entry(&row.name).or_default() += 1;
        }
        for (key, row) in &rows {
            let data_type = short(&TYPES, &row.data_type);
            let shared = if names[row.name.as_str()] > 1 { ".shared()" } else { "" };
            match key {
                Key::Ipfix(pen, id) => writeln!(
                    out,
                    "e({pen}, {id}, {:?}, {data_type}, {}, {:?}, {}){shared},",
                    row.name,
                    short(&SEMANTICS, &row.semantics),
                    row.units,
                    row.deprecated
                ),
                Key::NetFlow9(number) => writeln!(out, "v({number}, {:?}, {data_type}){shared},", row.name),
                Key::Scope(number) => writeln!(out, "s({number}, {:?}, {data_type}){shared},", row.name),
            }
            .unwrap();
        }
        out.push_str("];\n");

        write_iana_rows(&mut out, &rows);
        write_pens(&mut out, &rows);

        let mut by_name: Vec<(&str, usize)> = rows.values().enumerate().map(|(at, row)| (row.name.as_str(), at)).collect();
        // Who asks for an element of Antrea by name means the number it has now, not the one it gave up in 2020.
        let given_up: Vec<bool> = rows.keys().map(|key| matches!(key, Key::Ipfix(55_829, _))).collect();
        by_name.sort_unstable_by_key(|&(name, at)| (name, given_up[at], at));
        writeln!(out, "\n/// Rows of `ELEMENTS`, ascending by name, then row; enterprise numbers that were given up come last.")
            .unwrap();
        writeln!(out, "pub(super) static BY_NAME: [u16; {}] = [", by_name.len()).unwrap();
        write_numbers(&mut out, by_name.iter().map(|(_, at)| at.to_string()));
        out.push_str("];\n");

        write_values(&mut out);
        out
    }

    fn write_iana_rows(out: &mut String, rows: &BTreeMap<Key, Row>) {
        let iana: BTreeMap<u16, usize> = rows
            .keys()
            .enumerate()
            .filter_map(|(at, key)| if let Key::Ipfix(0, id) = key { Some((*id, at)) } else { None })
            .collect();
        let (&last, _) = iana.last_key_value().unwrap();
        out.push_str("\n/// No element has this number.\npub(super) const NO_ROW: u16 = u16::MAX;\n");
        out.push_str("\n/// Row of `ELEMENTS` for each IANA element number.\n");
        writeln!(out, "pub(super) static IANA_ROWS: [u16; {}] = [", u32::from(last) + 1).unwrap();
        let row = |id: u16| iana.get(&id).map_or_else(|| "NO_ROW".to_owned(), usize::to_string);
        write_numbers(out, (0..=last).map(row));
        out.push_str("];\n");
    }

    fn write_pens(out: &mut String, rows: &BTreeMap<Key, Row>) {
        let mut pens: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (at, key) in rows.keys().enumerate() {
            if let Key::Ipfix(pen, _) = key {
                pens.entry(*pen).or_insert((at, at)).1 = at + 1;
            }
        }
        out.push_str("\n/// Rows of `ELEMENTS` that an enterprise has: from, and to in front of; ascending by its number.\n");
        writeln!(out, "pub(super) static PENS: [(u32, u16, u16); {}] = [", pens.len()).unwrap();
        for (pen, (from, to)) in pens {
            writeln!(out, "({pen}, {from}, {to}),").unwrap();
        }
        out.push_str("];\n");
    }

    fn write_numbers(out: &mut String, numbers: impl Iterator<Item = String>) {
        let numbers: Vec<String> = numbers.collect();
        for line in numbers.chunks(20) {
            writeln!(out, "{},", line.join(", ")).unwrap();
        }
    }

    fn write_values(out: &mut String) {
        let tables = value_tables();
        out.push_str("\n/// Value names of IANA elements, ascending by element, then value.\n");
        writeln!(out, "pub(super) static VALUES: [(u16, &super::values::Values); {}] = [", tables.len()).unwrap();
        for (element, values) in tables {
            writeln!(out, "({element}, &[").unwrap();
            for (value, name) in values {
                writeln!(out, "({value}, {name:?}),").unwrap();
            }
            out.push_str("]),\n");
        }
        out.push_str("];\n");
    }

    fn element_rows() -> BTreeMap<Key, Row> {
        let mut rows = BTreeMap::new();
        for csv in read("ipfix-information-elements.csv") {
            let [id, name, data_type, semantics, units, status] = csv.try_into().unwrap();
            // Ranges, reserved numbers and numbers whose element lost its name are no elements.
            let Ok(id) = id.parse::<u16>() else { continue };
            if status == "reserved" || name == format!("deprecated{id}") {
                continue;
            }
            let deprecated = status == "deprecated";
            let row = Row { name, data_type, semantics, units, deprecated };
            rows.entry(Key::Ipfix(0, id)).or_insert(row);
        }
        for csv in read("enterprise-information-elements.csv") {
            let [pen, id, name, data_type, _source] = csv.try_into().unwrap();
            let Ok(id) = id.parse::<u16>() else { continue };
            let pen: u32 = pen.parse().unwrap();
            let mut row = plain(name, data_type);
            row.deprecated = DEPRECATED.contains(&(pen, id));
            if pen == REVERSE_PEN {
                let forward = rows.get(&Key::Ipfix(0, id)).unwrap();
                assert_eq!(row.data_type, forward.data_type, "reverse of {id}");
                row = Row { name: row.name, ..forward.clone() };
            }
            rows.entry(Key::Ipfix(pen, id)).or_insert(row);
        }
        for csv in read("netflow9-vendor-field-types.csv") {
            let [number, name, data_type, _source] = csv.try_into().unwrap();
            let Ok(number) = number.parse::<u16>() else {
                continue;
            };
            assert!(number >= 0x8000, "{number} is in the range of IANA elements");
            rows.entry(Key::NetFlow9(number)).or_insert_with(|| plain(name, data_type));
        }
        for (number, name, data_type) in SCOPES {
            rows.insert(Key::Scope(number), plain(name.to_owned(), data_type.to_owned()));
        }
        assert!(rows.values().all(|row| !row.name.is_empty()));
        assert!(rows.len() < usize::from(u16::MAX), "rows are numbered in 16 bits");
        rows
    }

    fn plain(name: String, data_type: String) -> Row {
        Row { name, data_type, semantics: String::new(), units: String::new(), deprecated: false }
    }

    fn value_tables() -> BTreeMap<u16, BTreeMap<u64, String>> {
        let mut tables: BTreeMap<u16, BTreeMap<u64, String>> = BTreeMap::new();
        for csv in read("ipfix-value-registries.csv") {
            let [registry, title, value, text] = csv.try_into().unwrap();
            let Some(element) = element_of(&registry, &title) else {
                continue;
            };
            // The two status bits alone; the whole octet is listed below them.
            if registry == "forwarding-status" {
                if value == "00b" {
                    tables.entry(element).or_default().insert(0, text);
                }
                continue;
            }
            let Some(value) = number(&value) else {
                continue;
            };
            let label = text.split(':').next().unwrap().trim().trim_end_matches('.');
            if label.is_empty() || label == "Reserved" || label == "Unassigned" {
                continue;
            }
            let corrected = CORRECTED.iter().find(|c| (c.0, c.1) == (element, value));
            let label = match (corrected, title.split_once("b: ")) {
                (Some((_, _, name)), _) => (*name).to_owned(),
                // Most reasons of a forwarding status say nothing without the status.
                (None, Some((_, status))) => format!("{status} ({label})"),
                (None, None) => label.to_owned(),
            };
            tables.entry(element).or_default().entry(value).or_insert(label);
        }
        tables
    }

    fn element_of(registry: &str, title: &str) -> Option<u16> {
        if let Some((_, element)) = ELEMENT_OF_REGISTRY.iter().find(|(name, _)| *name == registry) {
            return Some(*element);
        }
        title.split_once("(Value ")?.1.strip_suffix(')')?.parse().ok()
    }

    /// A decimal or hexadecimal value; a range is none.
    fn number(text: &str) -> Option<u64> {
        match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        }
    }

    fn short(table: &[(&str, &str, &'static str)], name: &str) -> &'static str {
        // An empty type is one that the source does not state.
        let name = match name {
            "" if table.len() == TYPES.len() => "octetArray",
            "" => "default",
            name => name,
        };
        table.iter().find(|(iana, ..)| *iana == name).unwrap_or_else(|| panic!("unknown word {name}")).2
    }

    /// Rows of a registry file without its heading.
    fn read(file: &str) -> Vec<Vec<String>> {
        let text = fs::read_to_string(Path::new(ROOT).join("registry").join(file)).unwrap();
        parse_csv(&text).into_iter().skip(1).collect()
    }

    /// RFC 4180, without carriage returns.
    fn parse_csv(text: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut row = vec![String::new()];
        let mut quoted = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let field = row.last_mut().unwrap();
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(String::new()),
                '\n' if !quoted => rows.push(std::mem::replace(&mut row, vec![String::new()])),
                _ => field.push(c),
            }
        }
        rows
    }
}
