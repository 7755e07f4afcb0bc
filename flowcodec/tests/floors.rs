//! The floors hold: a file uses only floors below its own, siblings never one another, and `unsafe` stays in one place.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. Modules of one floor do not know one another.
const FLOORS: &[&[&str]] = &[
    &["error", "exporter", "limits", "text", "time"],
    &["kernel", "wire"],
    &["ie"],
    &["model"],
    &["context"],
    &["template"],
    &["ipfix", "netflow5", "netflow9", "packet", "sflow"],
    &["record"],
    &["batch"],
    &["decoder"],
    &["io"],
];

#[cfg(test)]
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
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

#[cfg(test)]
/// The modules a line of code names: behind `crate::`, also in a group (`crate::{a, b::c}`).
fn named(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in line.split("crate::").skip(1) {
        let group = part.strip_prefix('{').map_or(part, |group| group.split('}').next().unwrap());
        let items = if part.starts_with('{') { group.split(',').collect() } else { vec![group] };
        for item in items {
            names.push(item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

#[test]
fn files_use_only_floors_below_their_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut checked = 0;
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        let own = floor(&module).unwrap_or_else(|| panic!("{module} stands on no floor: name it in this test"));
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in named(line).into_iter().filter(|used| *used != module) {
                // Names re-exported by the root (`crate::Fault`) are types: their modules are named in `lib.rs` alone.
                if let Some(below) = floor(&used) {
                    assert!(below < own, "{} (floor {own}) uses {used} (floor {below}): {line}", relative.display());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "the test has lost sight of the code: only {checked} uses seen");
}

#[test]
fn unsafe_stands_in_the_kernel_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files.iter().filter(|file| !file.starts_with(root.join("kernel"))) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!line.contains("unsafe {") && !line.contains("unsafe fn"), "{}: {line}", file.display());
        }
    }
}
