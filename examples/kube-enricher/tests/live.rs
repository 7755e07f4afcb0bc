//! The program with a live cluster: the stand-in for the API server.
#![cfg(test)]
#![cfg(feature = "kube")]

#[path = "../../../flowenrich/tests/stand_in/server.rs"]
#[expect(dead_code, reason = "the watch's own tests use all of it")]
mod server;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{StandIn, eventually};

fn start() -> Option<(StandIn, PathBuf)> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = package.join("../../flowenrich/tests/data/k8s");
    let server = StandIn::start(&data.join("fakeapi.py"), &data.join("objects.json"), &["--token", "secret"])?;
    let config = configured(server.port());
    Some((server, config))
}

fn configured(port: u16) -> PathBuf {
    let config = std::env::temp_dir().join(format!("kube-enricher-{port}.yaml"));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    server: http://127.0.0.1:{port}\n\
         contexts:\n- name: c\n  context:\n    cluster: c\n    user: u\nusers:\n- name: u\n  user:\n    token: secret\n"
    );
    std::fs::write(&config, text).unwrap();
    config
}

/// The program with its two ends.
struct Running {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Running {
    fn new(config: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kube-enricher"))
            .arg("--kubeconfig")
            .arg(config)
            .args(["--loglevel", "error"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    /// One record in, one record out, before any other is given.
    fn ask(&mut self, addr: &str) -> Value {
        writeln!(self.to, "{{\"SrcAddr\":\"{addr}\"}}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn records_are_enriched_from_a_live_cluster() {
    let Some((mut server, config)) = start() else { return };
    server.post("/_hold", "");
    let mut program = Running::new(&config, &["-at", "now"]);
    // The first answer comes at once, though nothing is known.
    assert_eq!(program.ask("10.244.0.5"), json!({"SrcAddr": "10.244.0.5", "SrcWarn": "not synced"}));
    server.post("/_release", "");
    eventually("the cluster is known", || (program.ask("10.244.0.5")["SrcWorkload"] == "local-path-provisioner").then_some(()));

    let began = Instant::now();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "new"},
        "spec": {}, "status": {"podIP": "10.244.9.1", "hostIP": "10.89.0.3"}});
    server.event("ADDED", &pod);
    eventually("the new pod", || (program.ask("10.244.9.1")["SrcPod"] == "new").then_some(()));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    server.stop();
    assert_eq!(program.ask("10.244.9.1")["SrcPod"], "new", "without a server it goes on with what it had");
    std::fs::remove_file(config).unwrap();
}

#[test]
fn the_first_record_waits_where_that_is_wanted() {
    let Some((_server, config)) = start() else { return };
    let careful = Running::new(&config, &["--at=now", "--wait=10"]).ask("10.96.0.1");
    assert_eq!(careful["SrcName"], "kubernetes");
    let original = Running::new(&config, &["-compat"]).ask("10.244.3.92");
    assert_eq!(original["SrcWarn"], "Several owners found for replica multi-66f7: Rollout/multi,Deployment/multi");
    std::fs::remove_file(config).unwrap();
}

#[test]
fn the_originals_way_goes_on_without_a_cluster() {
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = configured(port);
    let mut child = Command::new(env!("CARGO_BIN_EXE_kube-enricher"))
        .args(["-compat", "-wait", "1", "-kubeconfig"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"SrcAddr\":\"10.244.0.5\",\"Bytes\":7}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_file(config).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "{\"Bytes\":7,\"SrcAddr\":\"10.244.0.5\"}\n", "{told}");
    assert!(told.contains("not known within 1 s; records pass with nothing added until then"), "{told}");
    assert!(told.contains("0 found, 0 ambiguous, 0 not found, 1 before the cluster was known, 1 absent"), "{told}");
}

#[test]
fn no_cluster_is_said() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kube-enricher"))
            .args(arguments)
            .env_remove("KUBECONFIG")
            .env_remove("KUBERNETES_SERVICE_HOST")
            .env("HOME", "/nowhere")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = run(&[]);
    assert!(code == Some(1) && told.contains("no cluster: give --kubeconfig FILE or --objects DUMP.json"), "{told}");
    let (code, told) = run(&["-kubeconfig", "/nowhere/config"]);
    assert!(code == Some(1) && told.contains("--kubeconfig /nowhere/config: "), "{told}");
}
