//! The program as people run it, and the file that puts it beside a router.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::path::Path;
    use std::process::{Command, Output, Stdio};

    use clap::Parser as _;
    use serde_json::Value as Json;
    use van_collector::cli::Arguments;

    use crate::common::{Server, corpus, state, v2_main};

    fn program() -> Command {
        Command::new(env!("CARGO_BIN_EXE_van-collector"))
    }

    fn run(arguments: &[&str]) -> Output {
        program().args(arguments).output().unwrap()
    }

    fn said(output: &Output) -> String {
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn lines(output: &Output) -> Vec<Json> {
        assert!(output.status.success(), "{}", said(output));
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_for_each_connection_and_request() {
        let file = v2_main();
        let lines = lines(&run(&["--replay", file.to_str().unwrap(), "--once", "--flows", "-"]));
        let of = |kind: &'static str| lines.iter().filter(move |line| line["van_record"] == kind);
        assert_eq!((of("connection").count(), of("request").count(), lines.len()), (42, 65, 107));
        let state = state();
        for line in &lines {
            let attrs = &state["records"][line["van_id"].as_str().unwrap()]["attrs"];
            assert_eq!(line["van_latency"].as_u64().map(|nanos| nanos / 1_000), attrs["24"].as_u64());
            assert_eq!(line["reverse_octets_total"], attrs["58"]);
        }
        let negative = of("connection").filter(|line| line["van_added_latency"].as_i64().is_some_and(|nanos| nanos < 0));
        assert_eq!(negative.count(), 8);
        // What waits for its listener's record is complete when it is written.
        assert_eq!(of("connection").filter(|line| line["van_complete"] == 1).count(), 38);
    }

    #[test]
    fn pairs_of_v1_are_written_once() {
        let Some(file) = corpus("v1-main") else { return };
        let lines = lines(&run(&["--replay", file.to_str().unwrap(), "--once", "--flows", "-"]));
        let mut ids: Vec<_> = lines.iter().map(|line| line["van_id"].as_str().unwrap()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(count > 30, "{count}");
    }

    #[test]
    fn to_a_file_and_without_an_index() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
        std::fs::create_dir_all(&folder).unwrap();
        let (bare, out) = (folder.join("bare.bin"), folder.join("flows.ndjson"));
        let _ = std::fs::remove_file(&out);
        std::fs::copy(v2_main(), &bare).unwrap();
        let output = run(&["--replay", bare.to_str().unwrap(), "--once", "--flows", out.to_str().unwrap()]);
        assert!(output.status.success() && output.stdout.is_empty(), "{}", said(&output));
        assert_eq!(
            std::fs::read_to_string(out).unwrap().lines().count(),
            107,
            "times and addresses from the messages themselves"
        );
    }

    /// What was evicted is counted: the lines and what is said make up all there is.
    #[test]
    fn flows_that_were_evicted_are_told() {
        let Some(file) = corpus("v2-load") else { return };
        let file = file.to_str().unwrap();
        let all = lines(&run(&["--replay", file, "--once", "--flows", "-"])).len();
        // Fewer are held than there are, and all are written before they go.
        assert_eq!(lines(&run(&["--replay", file, "--once", "--max-flows", "1000", "--flows", "-"])).len(), all);
        let output = run(&["--replay", file, "--once", "--max-flows", "50", "--flows", "-"]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let written = String::from_utf8_lossy(&output.stdout).lines().count();
        let said = said(&output);
        let (evicted, _) = said.split_once(" flows were evicted before they were written").unwrap();
        let evicted: usize = evicted.rsplit(' ').next().unwrap().parse().unwrap();
        // A flow that was evicted while it lived, and came again, was lost and is there.
        assert!(written < all && written + evicted >= all, "{written} + {evicted} of {all}");
    }

    #[test]
    fn flows_are_appended_and_only_when_the_program_can_begin() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("append");
        std::fs::create_dir_all(&folder).unwrap();
        let out = folder.join("flows.ndjson");
        std::fs::write(&out, "kept\n").unwrap();
        let (file, to) = (v2_main(), out.to_str().unwrap());
        let file = file.to_str().unwrap();
        assert!(!run(&["--replay", file, "--listen", "192.0.2.1:1", "--flows", to]).status.success());
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "kept\n");
        assert!(run(&["--replay", file, "--once", "--flows", to]).status.success());
        let text = std::fs::read_to_string(&out).unwrap();
        assert!(text.starts_with("kept\n{") && text.lines().count() == 108, "{}", text.lines().count());
    }

    #[test]
    fn a_failed_write_fails_the_program() {
        let output = run(&["--replay", v2_main().to_str().unwrap(), "--once", "--flows", "/dev/full"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("flows cannot be written"), "{}", said(&output));
        // Whoever read hung up: also a program that serves ends.
        let mut child = program()
            .args(["--replay", v2_main().to_str().unwrap(), "--listen", "127.0.0.1:0", "--flows", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    /// Asked to end in the middle: what was not over is written all the same.
    #[test]
    fn what_is_unwritten_is_written_at_the_end() {
        let mut child = program()
            .args(["--replay", v2_main().to_str().unwrap(), "--pace", "real", "--listen", "127.0.0.1:0", "--flows", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        std::thread::sleep(std::time::Duration::from_secs(20));
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let unended = lines(&output).iter().filter(|line| line["van_complete"] != 1).count();
        assert!(unended > 0, "{} lines", lines(&output).len());
    }

    #[tokio::test]
    async fn serves_what_it_replayed() {
        let mut child = program()
            .args(["--replay", v2_main().to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("van-collector: the network is at http://").unwrap().trim_end_matches('/').to_owned();
        let server = Server { address };
        assert_eq!(server.list("/api/v2alpha1/connections").await.len(), 42);
        // A page from elsewhere whose name leads here reads nothing.
        for (host, status) in [("localhost:8010", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("evil.example", 421), ("", 421)] {
            assert_eq!(server.ask("GET", "/healthz", &format!("Host: {host}\r\n")).await.status, status, "{host}");
        }
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        assert!(ended.success(), "asked to end, it ends well");
    }

    #[test]
    fn a_mistake_is_told_with_its_remedy() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let cut = folder.join("cut.bin");
        std::fs::write(&cut, [0, 0, 1, 0, 7]).unwrap();
        for (arguments, code, wanted) in [
            (&["--replay", "/no/such.bin", "--once", "--flows", "-"][..], 1, "the recording /no/such.bin cannot be read"),
            (&["--replay", cut.to_str().unwrap(), "--once", "--flows", "-"], 1, "a message should begin at 0"),
            (
                &["--replay", v2_main().to_str().unwrap(), "--once", "--flows", "/no/such/folder/x"],
                1,
                "flows cannot be written to",
            ),
            (&[], 2, "--replay FILE.bin"),
            (&["--replay", "x", "--once"], 2, "--flows <FILE>"),
            (&["--replay", "x", "--server-name", "y"], 2, "cannot be used with"),
            (&["amqp://router", "--server-name", "y"], 1, "--server-name is for amqps://"),
            (&["amqp://router", "--listen", "localhost:8010"], 2, "127.0.0.1:8010, [::1]:8010"),
            (&["http://router"], 2, "amqps://HOST[:PORT]"),
            (&["amqp://router:0"], 2, "\"0\" behind \"router:\" is no port"),
            (&["amqps://router", "--certificates", "/no/such"], 1, "/no/such/ca.crt cannot be read"),
            (&["amqp://router", "--replay", "x"], 2, "cannot be used with"),
            (&["amqp://router", "--max-flows", "0"], 2, "at least 1 is needed"),
            (&["amqp://router", "--silence", "0"], 2, "0 is not in"),
            (&["amqp://router", "--http-watchers", "0"], 2, "at least 1 is needed"),
            (&["amqp://router", "--http-answers", "256MiB"], 2, "Ki, Mi, Gi"),
            (&["--replay", "x", "--once", "--http-rate", "1Ki"], 2, "cannot be used with"),
            (&["amqp://router", "--once"], 2, "cannot be used with"),
            (&["amqp://router", "--pace", "real"], 2, "cannot be used with"),
            (&["--replay", v2_main().to_str().unwrap(), "--listen", "192.0.2.1:1"], 1, "--listen says where else"),
        ] {
            let output = run(arguments);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
            assert!(said(&output).contains(wanted), "{arguments:?}: {}", said(&output));
        }
        let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
        assert!(help.contains("--replay <FILE.bin>") && help.contains("Exit status"), "{help}");
    }

    /// By parsing, and by holding it against what the program understands; no cluster's schema is asked.
    #[test]
    fn the_deployment_fits_the_program() {
        let text = include_str!("../deploy.yaml");
        let documents: Vec<Json> = serde_saphyr::from_multiple(text).unwrap();
        let [deployment, service] = &documents[..] else { panic!("two documents") };
        assert_eq!((&deployment["apiVersion"], &deployment["kind"]), (&"apps/v1".into(), &"Deployment".into()));
        assert_eq!(
            (&service["apiVersion"], &service["kind"], &service["metadata"]["name"]),
            (&"v1".into(), &"Service".into(), &"skupper-collector".into())
        );
        let template = &deployment["spec"]["template"];
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], template["metadata"]["labels"]);
        assert_eq!(service["spec"]["selector"], template["metadata"]["labels"]);
        let pod = &template["spec"];
        let container = &pod["containers"][0];
        // The program understands its arguments.
        let arguments = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
        let arguments = Arguments::try_parse_from(["van-collector"].into_iter().chain(arguments)).unwrap();
        assert!(arguments.router.as_ref().unwrap().is_tls() && arguments.listen.ip().is_unspecified());
        let port = container["ports"]
            .as_array()
            .unwrap()
            .iter()
            .find(|port| port["name"] == service["spec"]["ports"][0]["targetPort"])
            .unwrap();
        assert_eq!(
            (port["containerPort"].as_u64(), service["spec"]["ports"][0]["port"].as_u64()),
            (Some(u64::from(arguments.listen.port())), Some(8010))
        );
        // The client's certificate is mounted where it is read.
        let mount = &container["volumeMounts"][0];
        assert_eq!((mount["mountPath"].as_str(), &mount["readOnly"]), (arguments.certificates.to_str(), &true.into()));
        let volume = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == mount["name"]).unwrap();
        assert_eq!(volume["secret"]["secretName"], "skupper-local-client");
        for probe in ["livenessProbe", "readinessProbe"] {
            assert_eq!(
                (&container[probe]["httpGet"]["path"], &container[probe]["httpGet"]["port"]),
                (&"/healthz".into(), &port["name"])
            );
        }
    }
}
