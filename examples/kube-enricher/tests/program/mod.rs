//! Running the program.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Words of a command line; one that ends with `--objects` gets the made-up cluster.
pub(crate) fn args(line: &str) -> Vec<String> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if words.last().is_some_and(|last| last.trim_start_matches('-') == "objects") {
        words.push(concat!(env!("CARGO_MANIFEST_DIR"), "/../../flowenrich/tests/data/k8s/objects.json").to_owned());
    }
    words
}

/// Exit status, standard output and standard error.
pub(crate) fn status(arguments: &[String], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kube-enricher"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Standard output and standard error of a run that ends well.
pub(crate) fn run(arguments: &[String], input: &[u8]) -> (String, String) {
    let (code, out, told) = status(arguments, input);
    assert_eq!(code, Some(0), "{arguments:?}: {told}");
    (out, told)
}

/// Standard output of a run that ends well.
pub(crate) fn enriched(arguments: &[String], input: &str) -> String {
    run(arguments, input.as_bytes()).0
}
