//! The floors hold: a file uses only floors below its own, in the crate and within `correlate`.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up.
const FLOORS: &[&[&str]] = &[
    &["live", "lookup", "read", "rfc3339", "shards"],
    &["enricher", "inputs"],
    &["cells", "mapping"],
    &["by_address", "chain", "geo", "kube", "names", "subnet"],
    &["correlate"],
];

/// The same of correlation: what holds, what is kept, and the four rules, which do not know one another.
const OF_CORRELATE: &[&[&str]] = &[
    &["input", "texts", "wheel"],
    &["slots"],
    &["pending"],
    &["kept", "limits"],
    &["sum"],
    &["biflow", "dedup", "halves", "join"],
];

#[cfg(test)]
fn floor(floors: &[&[&str]], module: &str) -> Option<usize> {
    floors.iter().position(|floor| floor.contains(&module))
}

#[cfg(test)]
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a file names behind one of `roots`, also in a group (`crate::{a, b::c}`).
#[cfg(test)]
fn named(code: &str, roots: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for root in roots {
            // `super::super::x` is found as `super::x` of the inner one.
            for part in line.split(root).skip(1) {
                let group = part.strip_prefix('{').map_or(part, |group| group.split('}').next().unwrap());
                let items = if part.starts_with('{') { group.split(',').collect() } else { vec![group] };
                for item in items {
                    names.push(item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
                }
            }
        }
    }
    names
}

#[cfg(test)]
fn held(root: &Path, floors: &[&[&str]], roots: &[&str], strict: bool) -> usize {
    let (mut files, mut checked) = (Vec::new(), 0);
    sources(root, &mut files);
    for file in files {
        let relative = file.strip_prefix(root).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "mod" {
            continue;
        }
        let own = floor(floors, &module).unwrap_or_else(|| panic!("{module} stands on no floor: name it in this test"));
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in named(code, roots).into_iter().filter(|used| *used != module) {
            let Some(below) = floor(floors, &used) else {
                assert!(!strict, "{} names {used}", relative.display());
                continue;
            };
            assert!(below < own, "{} (floor {own}) uses {used} (floor {below})", relative.display());
            checked += 1;
        }
    }
    checked
}

#[test]
fn files_use_only_floors_below_their_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(held(&root, FLOORS, &["crate::"], true) >= 20);
    // Within a folder `super` is the folder's own; its files are on no floor of these.
    assert!(held(&root.join("correlate"), OF_CORRELATE, &["super::", "crate::correlate::"], false) >= 25);
}
