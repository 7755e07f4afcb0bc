//! Where the output goes: standard output, or a file that is there as a whole or not at all.
//!
//! The output is written to a hidden file beside the one that was asked for, and takes its name when it is complete and on the disk.
//! Whatever happens before (an error, Ctrl-C, a kill, the end of the power) leaves the final name as it was; the hidden file is removed
//! unless nobody had the time to.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;

/// What the output is written to.
#[derive(Debug)]
pub enum Destination {
    /// Standard output.
    Stdout(BufWriter<StdoutLock<'static>>),
    /// Something that is no regular file: a pipe, a device.
    Special(BufWriter<File>, PathBuf),
    /// A file to be.
    File(Pending),
}

/// How much of the input is in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All files were read to their end.
    Whole,
    /// All that is there was read, but a file ends inside a message.
    Cut,
    /// One could not be read to its end.
    Part,
    /// One could not be read, and the others held nothing.
    Nothing,
}

/// A file under its hidden name.
#[derive(Debug)]
pub struct Pending {
    file: BufWriter<File>,
    hidden: PathBuf,
    target: PathBuf,
}

/// Octets that are collected in front of a write.
const BUFFER: usize = 1 << 16;

/// The hidden file of this run, for who ends it.
static HIDDEN: Mutex<Option<PathBuf>> = Mutex::new(None);

fn hidden() -> MutexGuard<'static, Option<PathBuf>> {
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Destination {
    /// Standard output, `line_buffered` or not, or the file called `path`, unless that is `-`.
    ///
    /// # Errors
    /// When the file is one of the `inputs`, a folder, or cannot be made.
    pub fn open(path: Option<&Path>, inputs: &[PathBuf], line_buffered: bool) -> anyhow::Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            // What is locked writes line by line by itself.
            let at_once = line_buffered || io::stdout().is_terminal();
            return Ok(Self::Stdout(BufWriter::with_capacity(if at_once { 0 } else { BUFFER }, io::stdout().lock())));
        };
        let shown = || path.display().to_string();
        // Behind a symbolic link is the file that is meant.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let before = fs::metadata(&target).ok();
        anyhow::ensure!(before.as_ref().is_none_or(|before| !before.is_dir()), "{}: a folder", shown());
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            let file = File::options().write(true).open(&target).with_context(shown)?;
            return Ok(Self::Special(BufWriter::with_capacity(BUFFER, file), path.to_owned()));
        }
        let is_input = |input: &PathBuf| before.is_some() && fs::canonicalize(input).is_ok_and(|input| input == target);
        anyhow::ensure!(!inputs.iter().any(is_input), "{}: read and written at once; give the output another name", shown());
        let name = target.file_name().with_context(|| format!("{}: no name of a file", shown()))?;
        remove_when_stopped();
        let (file, hidden) = beside(&target, name).with_context(shown)?;
        let pending = Pending { file: BufWriter::with_capacity(BUFFER, file), hidden, target };
        if let Some(before) = before {
            pending.file.get_ref().set_permissions(before.permissions()).with_context(shown)?;
        }
        Ok(Self::File(pending))
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdout(_) => "standard output".to_owned(),
            Self::Special(_, path) => path.display().to_string(),
            Self::File(pending) => pending.target.display().to_string(),
        }
    }

    /// Ends the output: a whole file gets its name. One that lacks what could not be read is kept as `NAME.incomplete`, and that name is
    /// given. One of nothing is removed.
    ///
    /// # Errors
    /// When the last octets are not taken, or the file cannot be named.
    pub fn finish(self, extent: Extent) -> io::Result<Option<PathBuf>> {
        match self {
            Self::Stdout(mut out) => out.flush().map(|()| None),
            Self::Special(mut out, _) => out.flush().map(|()| None),
            // What is dropped is removed.
            Self::File(_) if extent == Extent::Nothing => Ok(None),
            Self::File(pending) => pending.finish(extent == Extent::Whole),
        }
    }
}

/// A new file beside `target`, noted for who ends the program.
fn beside(target: &Path, name: &OsStr) -> io::Result<(File, PathBuf)> {
    // Nobody may be told to stop between the making and the noting.
    let mut noted = hidden();
    let mut attempt = 0_u32;
    loop {
        let mut own = OsString::from(".");
        own.push(name);
        own.push(format!(".{}-{attempt}.part", std::process::id()));
        let place = target.with_file_name(own);
        match File::options().write(true).create_new(true).open(&place) {
            // Of a program of the same number that was killed; in containers numbers are few.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1_000 => attempt = attempt.wrapping_add(1),
            Err(error) => return Err(error),
            Ok(file) => {
                *noted = Some(place.clone());
                return Ok((file, place));
            }
        }
    }
}

impl Pending {
    fn finish(mut self, whole: bool) -> io::Result<Option<PathBuf>> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let incomplete = (!whole).then(|| {
            let mut name = self.target.clone().into_os_string();
            name.push(".incomplete");
            PathBuf::from(name)
        });
        let name = incomplete.as_ref().unwrap_or(&self.target);
        let mut noted = hidden();
        fs::rename(&self.hidden, name)?;
        *noted = None;
        drop(noted);
        // The name too is on the disk; where folders cannot be opened (Windows), that is the system's care.
        let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(incomplete)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        remove(&mut hidden());
    }
}

fn remove(noted: &mut Option<PathBuf>) {
    if let Some(path) = noted.take() {
        let _ = fs::remove_file(path);
    }
}

/// From now on, who stops the program removes the hidden file first.
#[cfg(unix)]
fn remove_when_stopped() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored_signals();
    let is_ignored = |signal: i32| u32::try_from(signal).is_ok_and(|bit| ignored.wrapping_shr(bit.wrapping_sub(1)) & 1 != 0);
    let heard = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal));
    let Ok(mut signals) = Signals::new(heard) else { return };
    std::thread::spawn(move || {
        for signal in &mut signals {
            // Held on to: no file gets its name any more.
            let mut noted = hidden();
            remove(&mut noted);
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}

#[cfg(not(unix))]
fn remove_when_stopped() {}

/// Signals that whoever started the program has it ignore, as `nohup` does: bit n is signal n + 1. A handler would undo that. Where the
/// system does not say (it is Linux that does), SIGHUP is taken for ignored.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(1)
}

impl Write for Destination {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(octets),
            Self::Special(out, _) => out.write(octets),
            Self::File(pending) => pending.file.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::Special(out, _) => out.flush(),
            Self::File(pending) => pending.file.flush(),
        }
    }
}
