//! `-o`: a file is there as a whole or not at all.
#![cfg(test)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap")
}

/// An empty folder of this test run.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("output_file").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Names of all files in a folder, hidden ones too.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_flowdump"))
}

fn run(options: &[&str], files: &[&Path]) -> Output {
    program().args(options).args(files).stdin(Stdio::null()).output().unwrap()
}

fn error(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn the_same_octets_as_on_standard_output() {
    let folder = folder("same");
    let out = folder.join("out");
    let arguments = [
        &["--format", "table"][..],
        &["--format", "json"],
        &["--format", "csv"],
        &["--format", "elements"],
        &["--stats"],
        &["--exporters"],
    ];
    for arguments in arguments {
        let shown = run(arguments, &[&recording()]);
        let written = run(&[arguments, &["-o", out.to_str().unwrap()]].concat(), &[&recording()]);
        assert!(shown.status.success() && written.status.success(), "{written:?}");
        assert!(written.stdout.is_empty() && !shown.stdout.is_empty());
        assert!(fs::read(&out).unwrap() == shown.stdout, "{arguments:?}");
        assert_eq!(files(&folder), ["out"], "nothing beside it");
    }
    assert_eq!(run(&["-o", "-"], &[&recording()]).stdout, run(&[], &[&recording()]).stdout);
    let list = run(&["--list-fields", "--output", out.to_str().unwrap()], &[]);
    assert!(list.status.success() && fs::read_to_string(&out).unwrap().starts_with("NAME "));
}

#[test]
fn names_that_are_none() {
    let folder = folder("names");
    let output = run(&["-o", folder.to_str().unwrap()], &[&recording()]);
    assert!(error(&output).contains("a folder") && output.status.code() == Some(1), "{output:?}");
    let input = folder.join("input.pcap");
    fs::copy(recording(), &input).unwrap();
    let output = run(&["-o", folder.join("./input.pcap").to_str().unwrap()], &[&input]);
    assert!(error(&output).contains("read and written at once"), "{output:?}");
    assert_eq!(fs::read(&input).unwrap(), fs::read(recording()).unwrap());
    let output = run(&["-o", folder.join("none/out").to_str().unwrap()], &[&recording()]);
    assert!(error(&output).contains("none/out: No such file"), "{output:?}");
    assert_eq!(files(&folder), ["input.pcap"]);
}

/// What could be read of a capture that ends in the middle does not pass for the whole.
#[test]
fn an_input_that_ends_too_early() {
    let folder = folder("incomplete");
    let (input, out) = (folder.join("cut.pcap"), folder.join("out.csv"));
    let whole = fs::read(recording()).unwrap();
    fs::write(&input, &whole[..whole.len() / 2]).unwrap();
    fs::write(&out, "from yesterday").unwrap();
    let output = run(&["--format", "csv", "-o", out.to_str().unwrap()], &[&input]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("out.csv is not written; what could be read is in"), "{output:?}");
    assert_eq!(fs::read_to_string(&out).unwrap(), "from yesterday");
    assert_eq!(files(&folder), ["cut.pcap", "out.csv", "out.csv.incomplete"]);
    let kept = fs::read_to_string(folder.join("out.csv.incomplete")).unwrap();
    assert!(kept.starts_with("received,") && kept.ends_with("\r\n") && kept.lines().count() > 100);
}

/// An input that is not there leaves nothing, not a header alone.
#[test]
fn an_input_that_is_not_there() {
    let folder = folder("missing");
    let out = folder.join("out.csv");
    let output = run(&["--format", "csv", "-o", out.to_str().unwrap()], &[&folder.join("missing.pcap")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("missing.pcap: ") && !error(&output).contains("incomplete"), "{output:?}");
    assert!(files(&folder).is_empty(), "{:?}", files(&folder));
    // Beside one that can be read, what was read is kept.
    run(&["--format", "csv", "-o", out.to_str().unwrap()], &[&folder.join("missing.pcap"), &recording()]);
    assert_eq!(files(&folder), ["out.csv.incomplete"]);
}

#[test]
fn counters_have_no_format() {
    for format in ["csv", "elements", "goflow2-json", "goflow2-bin"] {
        let output = run(&["--stats", "--format", format], &[&recording()]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{format}");
        assert!(error(&output).contains("--stats is JSON"), "{output:?}");
    }
    assert!(run(&["--stats", "--format", "json"], &[&recording()]).status.success());
}

#[cfg(unix)]
#[test]
fn links_permissions_and_devices() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let folder = folder("links");
    let (target, link) = (folder.join("target"), folder.join("link"));
    fs::write(&target, "before").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("target", &link).unwrap();
    assert!(run(&["-o", link.to_str().unwrap()], &[&recording()]).status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "a link stays one");
    assert!(fs::read_to_string(&target).unwrap().starts_with("START"));
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(files(&folder), ["link", "target"]);
    assert!(run(&["-o", "/dev/null"], &[&recording()]).status.success());
    assert!(!fs::metadata("/dev/null").unwrap().is_file(), "a device stays one");
    if Path::new("/dev/full").exists() {
        let full = run(&["-o", "/dev/full"], &[&recording()]);
        assert!(full.status.code() == Some(1) && error(&full).contains("/dev/full: No space left"), "{full:?}");
    }
}

/// A run in the middle: it has written something, and waits for more.
#[cfg(unix)]
fn in_the_middle(mut program: Command, folder: &Path) -> Child {
    let out = folder.join("out.json");
    fs::write(&out, "from yesterday").unwrap();
    let mut child = program
        .args(["--format", "json", "-o", out.to_str().unwrap(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(&fs::read(recording()).unwrap()).unwrap();
    let written = |name: &String| fs::metadata(folder.join(name)).is_ok_and(|file| file.len() != 0);
    for _ in 0..6_000 {
        if files(folder).iter().any(|name| name.starts_with(".out.json.") && written(name)) {
            return child;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("nothing is written");
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped() {
    use std::os::unix::process::ExitStatusExt as _;

    for (name, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        let folder = folder(name);
        let mut child = in_the_middle(program(), &folder);
        // Held open: who waits for a child closes its input, and the end of the input is an end too.
        let input = child.stdin.take();
        send(name, &child);
        assert_eq!(child.wait().unwrap().signal(), Some(number), "it dies of the signal");
        drop(input);
        assert_eq!(files(&folder), ["out.json"], "{name}");
        assert_eq!(fs::read_to_string(folder.join("out.json")).unwrap(), "from yesterday");
    }
    // Nobody can clean up behind a kill, but the name is as it was.
    let folder = folder("-KILL");
    let mut child = in_the_middle(program(), &folder);
    send("-KILL", &child);
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(folder.join("out.json")).unwrap(), "from yesterday");
    assert_eq!(files(&folder).len(), 2);
}

/// Under `nohup`, who hangs up stops nothing.
#[cfg(unix)]
#[test]
fn an_ignored_signal_stays_ignored() {
    let folder = folder("ignored");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_flowdump")]);
    let mut child = in_the_middle(shell, &folder);
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(100));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(files(&folder), ["out.json"]);
    assert_eq!(fs::read_to_string(folder.join("out.json")).unwrap().lines().count(), 345);
}

/// Who watches a pipe sees a flow when it has come, not when 64 KiB of them have.
#[test]
fn lines_come_as_soon_as_they_are_complete() {
    use std::io::{BufRead as _, BufReader};

    let mut child = program()
        .args(["--format", "json", "--line-buffered", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let capture = fs::read(recording()).unwrap();
    let mut input = child.stdin.take().unwrap();
    // As much as a pipe holds, which is enough for the first flows; the rest comes when one has been seen.
    let (first, rest) = capture.split_at(64 << 10);
    input.write_all(first).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"src_addr\":\"10.99.0.1\""));
    // Both pipes are small: who writes does not read.
    let rest = rest.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&rest).unwrap());
    assert_eq!(lines.map(Result::unwrap).count(), 344);
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
}

/// A batch is no line: who asks for both is told so, and what to ask for instead.
#[test]
fn batches_do_not_come_line_by_line() {
    for format in ["arrow", "parquet"] {
        let output = program().args(["--format", format, "--line-buffered"]).arg(recording()).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{format}");
        let said = String::from_utf8(output.stderr).unwrap();
        let wanted =
            "Arrow and Parquet are written in batches, not in lines: for a pipe that is watched, --format json --line-buffered";
        assert!(said.contains(wanted), "{format}: {said}");
    }
}

/// The disk is full, as far as this program can tell.
#[cfg(unix)]
#[test]
fn a_file_that_is_not_taken() {
    let folder = folder("full");
    let out = folder.join("out.json");
    let limited = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' --format json -o '{}' '{}'",
        env!("CARGO_BIN_EXE_flowdump"),
        out.display(),
        recording().display()
    );
    let output = Command::new("sh").args(["-c", &limited]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error(&output).contains("out.json: File too large"), "{output:?}");
    assert!(files(&folder).is_empty(), "{:?}", files(&folder));
}

#[cfg(not(feature = "columnar"))]
#[test]
fn without_arrow_and_parquet_the_way_to_them_is_said() {
    for format in ["arrow", "parquet"] {
        let output = run(&["--format", format, "-o", "out"], &[&recording()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(error(&output).contains("cargo run --release -p flowdump --features columnar"), "{output:?}");
    }
}

/// `script` (util-linux) lends a terminal.
#[cfg(feature = "columnar")]
#[test]
fn binary_files_are_not_for_terminals() {
    let script = |format: &str| {
        let command = format!("'{}' --format {format} '{}'", env!("CARGO_BIN_EXE_flowdump"), recording().display());
        Command::new("script").args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()).output()
    };
    for format in ["arrow", "parquet"] {
        let Ok(output) = script(format) else {
            eprintln!("skipped: there is no `script` to lend a terminal");
            return;
        };
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("-o FILE") && output.status.code() == Some(2), "{shown}");
    }
    let output = run(&["--format", "csv", "--binary-addresses"], &[&recording()]);
    assert!(output.status.code() == Some(2) && error(&output).contains("--binary-addresses is for"), "{output:?}");
    let output = run(&["--format", "parquet", "--stats"], &[&recording()]);
    assert!(output.status.code() == Some(2) && error(&output).contains("--stats is JSON"), "{output:?}");
}

/// Messages of IPFIX, back to back.
fn ipfix_file() -> Vec<u8> {
    let mut message = vec![0, 10, 0, 36, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    message.extend([0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4]);
    message.extend([1, 0, 0, 8, 198, 51, 100, 1]);
    message.repeat(3)
}

/// Where messages with a length of two octets at most in front and a newline behind begin.
fn starts(prefixed: &[u8]) -> Vec<usize> {
    let (mut at, mut starts) = (0, Vec::new());
    while at < prefixed.len() {
        starts.push(at);
        let (low, high) = (usize::from(prefixed[at]), usize::from(prefixed[at + 1]));
        at += if low < 0x80 { low + 2 } else { (low & 0x7f | high << 7) + 3 };
    }
    starts
}

/// A file whose messages are lost in the middle, or that ends inside one, does not pass for the whole either.
#[test]
fn messages_that_are_lost_or_cut() {
    let folder = folder("lost");
    let (input, out) = (folder.join("input"), folder.join("o.csv"));
    let prefixed = run(&["--format", "goflow2-bin"], &[&recording()]).stdout;
    let json = run(&["--format", "goflow2-json"], &[&recording()]).stdout;
    let lines = run(&["--format", "goflow2-bin", "--dialect", "v1"], &[&recording()]).stdout;
    let (at, ipfix) = (starts(&prefixed)[3], ipfix_file());
    let between = |between: &[u8]| [&prefixed[..at], between, &prefixed[at..]].concat();
    let second = json.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    let third = second + json[second..].iter().position(|octet| *octet == b'\n').unwrap() + 1;
    let with_length = |length: u8| [&ipfix[..39], &[length], &ipfix[40..]].concat();
    let given_up = |at: usize, len: usize| format!("is given up at octet {at}: {} octets to its end are not read; no ", len - at);
    let cut =
        |at: usize, end: usize| format!("is cut short: it ends at octet {end}, inside the message that starts at octet {at}");
    let cases = [
        ("an impossible length", between(&[0xff, 0xff, 0xff, 0xff, 7]), 3, given_up(at, prefixed.len() + 5)),
        ("a bad varint", between(&[0xff; 12]), 3, given_up(at, prefixed.len() + 12)),
        ("no newline", [&prefixed[..at - 1], &prefixed[at..]].concat(), 3, given_up(at - 1, prefixed.len() - 1)),
        ("cut behind the length", prefixed[..at + 20].to_vec(), 3, cut(at, at + 20)),
        ("cut JSON", json[..third - 20].to_vec(), 1, cut(second, third - 20)),
        ("cut lines of protobuf", lines[..20].to_vec(), 0, cut(0, 20)),
        ("cut IPFIX", ipfix[..100].to_vec(), 2, cut(72, 100)),
        ("cut header of IPFIX", ipfix[..74].to_vec(), 2, cut(72, 74)),
        ("a length of IPFIX that is too long", with_length(44), 2, given_up(80, 108)),
        ("a length of IPFIX below 16", with_length(3), 1, given_up(36, 108)),
    ];
    for (case, octets, flows, told) in cases {
        fs::write(&input, octets).unwrap();
        let output = run(&["--format", "csv", "-o", out.to_str().unwrap()], &[&input]);
        assert_eq!(output.status.code(), Some(1), "{case}: {output:?}");
        assert!(error(&output).contains(&format!("input {told}")), "{case}: {output:?}");
        assert_eq!(files(&folder), ["input", "o.csv.incomplete"], "{case}");
        let kept = fs::read_to_string(folder.join("o.csv.incomplete")).unwrap();
        assert_eq!(kept.lines().count(), flows + 1, "{case}: {}", error(&output));
        fs::remove_file(folder.join("o.csv.incomplete")).unwrap();
    }
}

/// Of a message of IPFIX that is cut all that is there is shown: without a file that promises to be whole this is a fault like others.
#[test]
fn a_cut_message_of_ipfix_without_a_file() {
    let folder = folder("cut");
    let input = folder.join("input");
    for (end, flows) in [(108, 3), (107, 2), (100, 2), (74, 2)] {
        fs::write(&input, &ipfix_file()[..end]).unwrap();
        let output = run(&["--format", "csv"], &[&input]);
        assert_eq!(output.status.code(), Some(0), "{end}: {output:?}");
        assert_eq!(str::from_utf8(&output.stdout).unwrap().lines().count(), flows + 1, "{end}");
        let told =
            format!("is cut short: it ends at octet {end}, inside the message that starts at octet 72, and is read up to there");
        assert_eq!(error(&output).contains(&told), end != 108, "{end}: {output:?}");
        for options in [&["--stats"][..], &["--format", "csv", "-o", "-"]] {
            let output = run(options, &[&input]);
            assert_eq!(output.status.code(), Some(0), "{end}: {output:?}");
        }
    }
    // What is given up is another matter.
    let ipfix = ipfix_file();
    fs::write(&input, [&ipfix[..39], &[3], &ipfix[40..]].concat()).unwrap();
    assert_eq!(run(&["--stats"], &[&input]).status.code(), Some(1));
}

/// The last line may lack its newline; faults that cost themselves alone do not count.
#[test]
fn messages_that_are_whole() {
    let folder = folder("whole");
    let (input, out) = (folder.join("input"), folder.join("o.csv"));
    let json = run(&["--format", "goflow2-json"], &[&recording()]).stdout;
    let prefixed = run(&["--format", "goflow2-bin"], &[&recording()]).stdout;
    let bad_line = [&json[..], b"{\"type\":\n"].concat();
    for octets in [&json[..json.len() - 1], &prefixed, &prefixed[..prefixed.len() - 1], &bad_line, &ipfix_file()] {
        fs::write(&input, octets).unwrap();
        let output = run(&["--format", "csv", "-o", out.to_str().unwrap()], &[&input]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(files(&folder), ["input", "o.csv"]);
    }
}

/// Lengths of zero cost an octet each: they are one fault with a count.
#[test]
fn a_run_of_the_same_fault_is_one_line() {
    let folder = folder("run");
    let input = folder.join("input");
    let bare = run(&["--format", "goflow2-bin", "--separator", "none"], &[&recording()]).stdout;
    fs::write(&input, [&bare[..], &[0; 200], &bare].concat()).unwrap();
    let output = run(&["--format", "json"], &[&input]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(str::from_utf8(&output.stdout).unwrap().lines().count(), 690);
    let (file, at) = (input.display(), bare.len());
    assert_eq!(
        error(&output).lines().collect::<Vec<_>>(),
        [
            format!(
                "flowdump: {file}: octet {at}: goflow2's message: length field too small in header at octet 0 (set by the message's \
                 length); 1 octets not decoded"
            ),
            format!(
                "flowdump: {file}: octet {}: the same 199 more times in a row, here the last; 199 more octets not decoded",
                at + 199
            ),
        ]
    );
}
