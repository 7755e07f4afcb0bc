//! A program of another workspace embeds the crate by path: it builds, its tree is small, and a decoder can be sent to a worker.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const MAIN: &str = r#"
use flowcodec::{Decoder, Event, Exporter, Timestamp, field};

fn is_send<T: Send>(_: &T) {}

fn main() {
    let mut decoder = Decoder::default();
    is_send(&decoder);
    let mut datagram = [0_u8; 72];
    datagram[1] = 5;
    datagram[3] = 1;
    datagram[24..28].copy_from_slice(&[192, 0, 2, 1]);
    let worker = std::thread::spawn(move || {
        let exporter = Exporter::new("198.51.100.7".parse().unwrap(), 2055);
        let mut events = decoder.datagram(exporter, Timestamp::from_seconds(0), &datagram);
        while let Some(event) = events.next() {
            if let Event::Flows(set) = event {
                for record in set {
                    println!("{}", record.get(field::SRC_ADDR).unwrap());
                }
            }
        }
    });
    worker.join().unwrap();
}
"#;

#[cfg(test)]
fn cargo(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn another_program_depends_on_it_by_path() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedding");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("src/main.rs"), MAIN).unwrap();
    let manifest = format!(
        "[package]\nname = \"embedding\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\nflowcodec = {{ path = {:?} }}\n\n[workspace]\n",
        here.display().to_string()
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions the workspace was tested with; nothing is looked up that is not here already.
    fs::copy(here.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();

    let tree = cargo(&folder, &["tree", "--edges", "normal", "--prefix", "none", "--no-dedupe"]);
    let mut crates: Vec<String> = String::from_utf8(tree.stdout).unwrap().lines().map(|line| line.replace(" (*)", "")).collect();
    crates.sort();
    crates.dedup();
    // The program itself does not count.
    assert!(crates.len() - 1 <= 20, "{} crates with default features: {crates:#?}", crates.len() - 1);

    let run = cargo(&folder, &["run", "--quiet"]);
    assert_eq!(String::from_utf8(run.stdout).unwrap(), "192.0.2.1\n");
}
