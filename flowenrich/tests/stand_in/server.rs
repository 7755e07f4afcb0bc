//! The stand-in for the API server: `data/k8s/fakeapi.py`.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) struct StandIn {
    child: Child,
    port: u16,
    script: PathBuf,
    objects: PathBuf,
    more: Vec<String>,
}

impl StandIn {
    /// Starts it with the objects of a file; `None`, said plainly, where there is no Python.
    pub(crate) fn start(script: &Path, objects: &Path, more: &[&str]) -> Option<Self> {
        if Command::new("python3").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("skipped: the stand-in for the API server needs python3");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(script, objects, port, more);
        let more = more.iter().map(|&word| word.to_owned()).collect();
        let this = Self { child, port, script: script.to_owned(), objects: objects.to_owned(), more };
        this.await_ready();
        Some(this)
    }

    fn spawn(script: &Path, objects: &Path, port: u16, more: &[impl AsRef<OsStr>]) -> Child {
        Command::new("python3").arg(script).arg(objects).args(["--port", &port.to_string()]).args(more).spawn().unwrap()
    }

    fn await_ready(&self) {
        eventually("the stand-in listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok().then_some(()));
    }

    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with other objects.
    pub(crate) fn restart(&mut self, objects: &[Value]) {
        let path = std::env::temp_dir().join(format!("flowenrich-stand-in-{}.json", self.port));
        std::fs::write(&path, serde_json::to_vec(objects).unwrap()).unwrap();
        self.child = Self::spawn(&self.script, &path, self.port, &self.more);
        self.await_ready();
        std::fs::remove_file(path).unwrap();
    }

    pub(crate) fn objects(&self) -> Vec<Value> {
        serde_json::from_slice(&std::fs::read(&self.objects).unwrap()).unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Something happens in the cluster.
    pub(crate) fn event(&self, kind: &str, object: &Value) {
        self.post("/_event", &serde_json::json!({"type": kind, "object": object}).to_string());
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).unwrap();
        answer(stream)
    }

    /// How often it was asked: `list/Pod`, `watch/Pod`.
    pub(crate) fn asked(&self, what: &str) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /_stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let text = answer(stream);
        let json: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        json[what].as_u64().unwrap_or(0)
    }
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries until there is something; fails after ten seconds.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
