//! A headless Chromium, spoken to by its DevTools protocol.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A browser; it ends with this.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    address: String,
    folder: std::path::PathBuf,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It writes there until it has ended.
        let _ = self.child.start_kill();
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Browser {
    /// Starts one, if there is one on this machine.
    pub(crate) async fn start() -> Option<Self> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{}-{number}", std::process::id()));
        let named = std::env::var("CHROMIUM").ok();
        let programs = named.iter().map(String::as_str).chain(["chromium", "chromium-browser", "google-chrome"]);
        for name in programs {
            let started = Command::new(name)
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    "--no-first-run",
                    "--remote-debugging-port=0",
                ])
                .arg(format!("--user-data-dir={}", folder.display()))
                .arg("about:blank")
                .stderr(Stdio::piped())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn();
            let Ok(mut child) = started else { continue };
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let listening = async {
                while let Ok(Some(line)) = lines.next_line().await {
                    if let Some(address) = line.strip_prefix("DevTools listening on ws://") {
                        return address.split('/').next().unwrap().to_owned();
                    }
                }
                panic!("{name} ended before it listened");
            };
            let address = tokio::time::timeout(Duration::from_mins(1), listening).await.unwrap();
            // Its complaints are read, so that it never waits for who would read them.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(Self { child, address, folder });
        }
        eprintln!("skipped: no Chromium on this machine; CHROMIUM says where one is");
        None
    }

    /// A page of its own.
    pub(crate) async fn tab(&self) -> Tab {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!("PUT /json/new?about:blank HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        let made: Json = serde_json::from_str(&http(stream, &request).await).unwrap();
        let (socket, _) = connect_async(made["webSocketDebuggerUrl"].as_str().unwrap()).await.unwrap();
        let mut tab = Tab { socket, number: 0, complaints: Vec::new() };
        for domain in ["Page", "Runtime", "Log"] {
            tab.call(&format!("{domain}.enable"), json!({})).await;
        }
        tab
    }
}

/// The answer's body. The browser keeps the connection open: it ends where the answer says.
async fn http(mut stream: TcpStream, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let reading = async {
        loop {
            let mut octets = [0; 4096];
            let length = stream.read(&mut octets).await.unwrap();
            text.push_str(std::str::from_utf8(&octets[..length]).unwrap());
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length =
                    head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
                if length.is_some_and(|length: usize| body.len() >= length) {
                    return body.to_owned();
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap()
}

/// A page.
#[derive(Debug)]
pub(crate) struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    number: u64,
    complaints: Vec<String>,
}

impl Tab {
    async fn call(&mut self, method: &str, parameters: Json) -> Json {
        self.number += 1;
        let number = self.number;
        let call = json!({ "id": number, "method": method, "params": parameters }).to_string();
        self.socket.send(Message::text(call)).await.unwrap();
        let answer = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let json: Json = serde_json::from_str(&text).unwrap();
                if json["id"] == number {
                    assert!(json["error"].is_null(), "{method}: {json}");
                    return json["result"].clone();
                }
                match json["method"].as_str() {
                    Some("Runtime.exceptionThrown") => self.complaints.push(json["params"]["exceptionDetails"].to_string()),
                    Some("Log.entryAdded") => self.complaints.push(json["params"]["entry"]["text"].to_string()),
                    Some("Runtime.consoleAPICalled") => self.complaints.push(json["params"]["args"].to_string()),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), answer).await.unwrap()
    }

    /// Whatever the page complained of: errors, refusals by its own policy, dialogs.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.clone()
    }

    /// How the page is looked at.
    pub(crate) async fn look(&mut self, theme: &str, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let features =
            json!([{ "name": "prefers-color-scheme", "value": theme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    pub(crate) async fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": address })).await;
    }

    /// The value of an expression in the page.
    pub(crate) async fn ask(&mut self, expression: &str) -> Json {
        let answer =
            self.call("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true, "awaitPromise": true })).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression holds.
    pub(crate) async fn until(&mut self, expression: &str) {
        for _ in 0..300 {
            // A page that is just being opened may have no body.
            let holds =
                self.ask(&format!("(() => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }})()")).await;
            if holds == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let panel = self.ask("document.getElementById('panel')?.textContent").await;
        panic!("not within 15 seconds: {expression}; the panel says {panel}");
    }

    /// A picture of the whole page; its size in octets.
    pub(crate) async fn picture(&mut self, folder: &Path, name: &str) -> usize {
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true })).await;
        let octets = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(name), &octets).unwrap();
        octets.len()
    }
}
