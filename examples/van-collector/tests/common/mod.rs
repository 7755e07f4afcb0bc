//! What the tests share: a served recording, and HTTP without a library between.
#![allow(dead_code, reason = "each test program uses a part of this")]

pub(crate) mod big;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use van_collector::feed::{Pace, Recording};
use van_collector::http::{Limits, serve};
use van_collector::hub::{Clock, Hub};
use vanflow::collector::Settings;

/// The recording that is part of the project.
pub(crate) fn v2_main() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vanflow/tests/data/v2-main.bin")
}

/// Its final state, by an independent merge.
pub(crate) fn state() -> Json {
    let file = v2_main().with_file_name("v2-main.state.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A recording of the corpus, if there is one.
pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let file = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from).join("vanflow").join(format!("{name}.bin"));
    if file.exists() {
        return Some(file);
    }
    eprintln!("skipped: {name} is not there; FLOWCODEC_CORPUS says where the corpus is");
    None
}

/// A hub that has played a recording.
pub(crate) async fn played(file: &Path) -> Arc<Hub> {
    let hub = Hub::new(Settings::default(), Clock::Recording, &file.file_name().unwrap().to_string_lossy(), None);
    Recording::open(file).unwrap().play(&hub, Pace::Max).await;
    hub
}

/// Where a hub is served.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }
}

impl Server {
    pub(crate) async fn of(hub: Arc<Hub>) -> Self {
        Self::within(hub, Limits::default()).await
    }

    pub(crate) async fn within(hub: Arc<Hub>, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { serve(listener, hub, limits).await.unwrap() });
        Self { address }
    }

    pub(crate) async fn open(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        // HTTP/1.0: the answer ends with the connection, in one piece.
        let mut stream = self.open(&format!("{method} {path} HTTP/1.0\r\n{headers}\r\n")).await;
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        let text = String::from_utf8(octets).unwrap();
        let (headers, body) = text.split_once("\r\n\r\n").unwrap();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: headers.to_owned(), body: body.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    /// Rows of a list; its counts have to be right.
    pub(crate) async fn list(&self, path: &str) -> Vec<Json> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let json = answer.json();
        let rows = json["results"].as_array().unwrap().clone();
        assert_eq!(json["count"], rows.len(), "{path}");
        assert!(json["timeRangeCount"].as_u64().unwrap() >= json["count"].as_u64().unwrap(), "{path}");
        rows
    }

    /// An error, in the one form that errors have.
    pub(crate) async fn refused(&self, path: &str, status: u16, code: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let json = answer.json();
        assert_eq!(json["code"], code, "{path}");
        let message = json["message"].as_str().unwrap();
        assert!(!message.is_empty());
        message.to_owned()
    }
}

/// A name as it stands in a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// What comes until the connection ends.
pub(crate) async fn rest(mut stream: TcpStream) -> String {
    let mut octets = Vec::new();
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut octets)).await.expect("it ends");
    String::from_utf8_lossy(&octets).into_owned()
}

/// Reads until something stands there, and leaves the connection open.
pub(crate) async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let (mut text, mut octets) = (String::new(), vec![0; 1 << 16]);
    let reading = async {
        while !text.contains(wanted) {
            let read = stream.read(&mut octets).await.unwrap();
            assert!(read > 0, "{wanted} did not come: {text}");
            text.push_str(&String::from_utf8_lossy(&octets[..read]));
        }
    };
    timeout(Duration::from_secs(20), reading).await.unwrap_or_else(|_| panic!("{wanted} did not come"));
    text
}
