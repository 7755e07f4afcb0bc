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
    let script = package.join("../../flowenrich/tests/data/k8s/fakeapi.py");
    let server = StandIn::start(&script, &package.join("tests/data/objects.json"), &["--token", "secret"])?;
    let config = std::env::temp_dir().join(format!("kube-enricher-{}.yaml", server.port()));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    server: http://127.0.0.1:{}\n\
         contexts:\n- name: c\n  context:\n    cluster: c\n    user: u\nusers:\n- name: u\n  user:\n    token: secret\n",
        server.port()
    );
    std::fs::write(&config, text).unwrap();
    Some((server, config))
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
    let mut program = Running::new(&config, &["-at", "now"]);
    // The first answer comes at once, whatever is known.
    let first = program.ask("10.244.0.5");
    assert!(first["SrcWarn"] == "not synced" || first["SrcKind"] == "Pod", "{first}");
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
