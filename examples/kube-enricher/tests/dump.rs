//! The program with a dump: byte for byte what the original printed, and in its own mode every answer of the made-up cluster.
#![cfg(test)]

mod program;

use program::{args, enriched};
use serde_json::{Map, Value};

const ENRICHED: &str = include_str!("data/enriched.v1.json");
const TRUTH_ORIGINAL: &str = include_str!("data/truth_seed003.json");
const TRUTH_BEST: &str = include_str!("../../../flowenrich/tests/data/k8s/truth_best.json");

/// goflow2's own order of members (version 1.0).
const ORDER: &str = "Type TimeReceived SequenceNum SamplingRate SamplerAddress TimeFlowStart TimeFlowEnd Bytes Packets SrcAddr DstAddr \
    Etype Proto SrcPort DstPort InIf OutIf SrcMac DstMac SrcVlan DstVlan VlanId IngressVrfID EgressVrfID IPTos ForwardingStatus IPTTL \
    TCPFlags IcmpType IcmpCode IPv6FlowLabel FragmentId FragmentOffset BiFlowDirection SrcAS DstAS NextHop NextHopAS SrcNet DstNet \
    EtypeName ProtoName IcmpName";

const ADDED: [&str; 5] = ["SrcPod", "SrcNamespace", "SrcHostIP", "SrcWorkload", "SrcWorkloadKind"];

/// The sample record as goflow2 wrote it, before it was enriched.
fn sample() -> String {
    let record: Map<String, Value> = serde_json::from_str(ENRICHED).unwrap();
    let members: Vec<String> = ORDER.split_whitespace().map(|name| format!("\"{name}\":{}", record[name])).collect();
    assert_eq!((members.len(), record.len()), (43, 43 + ADDED.len()));
    format!("{{{}}}\n", members.join(","))
}

#[test]
fn the_originals_sample_byte_for_byte() {
    assert_eq!(enriched(&args("--compat --services off --objects"), &sample()), ENRICHED);
    // Sorted or not, it comes out sorted.
    let mut record: Map<String, Value> = serde_json::from_str(ENRICHED).unwrap();
    record.retain(|name, _| !ADDED.contains(&name.as_str()));
    let sorted = format!("{}\n", Value::Object(record));
    assert_eq!(enriched(&args("-mapping=SrcAddr=Src,DstAddr=Dst -compat=true -services off -objects"), &sorted), ENRICHED);

    let with_services = enriched(&args("--compat --objects"), &sample());
    let services = r#""DstNamespace":"default","DstNet":0,"DstPort":443,"DstVlan":0,"DstWorkload":"kubernetes","DstWorkloadKind":"Service","#;
    let expected = ENRICHED.replace(r#""DstNet":0,"DstPort":443,"DstVlan":0,"#, services);
    assert_eq!(with_services, expected);
}

#[test]
fn every_address_as_the_original_answered() {
    let truth: Map<String, Value> = serde_json::from_str(TRUTH_ORIGINAL).unwrap();
    let input = truth
        .keys()
        .map(|addr| format!("{{\"SrcAddr\":\"{addr}\",\"Bytes\":18446744073709551615}}\n"))
        .collect::<Vec<_>>()
        .concat();
    let output = enriched(&args("--compat --objects"), &input);
    let mut checked = 0;
    for ((addr, fields), line) in truth.iter().zip(output.lines()) {
        let mut expected = fields.as_object().unwrap().clone();
        expected.insert("SrcAddr".to_owned(), addr.as_str().into());
        expected.insert("Bytes".to_owned(), u64::MAX.into());
        assert_eq!(line, Value::Object(expected).to_string(), "{addr}");
        checked += 1;
    }
    assert_eq!((checked, output.lines().count()), (66, 66));
}

/// What a truth says, as members.
fn members(prefix: &str, truth: &Value) -> Map<String, Value> {
    let names = [
        ("kind", "Kind"),
        ("namespace", "Namespace"),
        ("name", "Name"),
        ("node", "Node"),
        ("hostIP", "HostIP"),
        ("zone", "Zone"),
        ("by", "By"),
        ("ambiguous", "Ambiguous"),
        ("owners", "Owners"),
    ];
    let value = |name: &str| truth.get(name).filter(|_| name != "namespace" || truth.get("ambiguous").is_none()).cloned();
    names.into_iter().filter_map(|(name, word)| Some((format!("{prefix}{word}"), value(name)?))).collect()
}

#[test]
fn every_address_and_instant_answered_with_care() {
    let truth: Value = serde_json::from_str(TRUTH_BEST).unwrap();
    let now = truth["now"].as_object().unwrap();
    let mut asked: Vec<(String, String, &Value)> =
        now.iter().map(|(addr, is)| ("2026-11-20T12:00:00Z".to_owned(), addr.clone(), is)).collect();
    for case in truth["at"].as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        asked.push((text("time"), text("ip"), &case["is"]));
    }
    let mut times: Vec<&str> = asked.iter().map(|(time, ..)| time.as_str()).collect();
    times.sort_unstable();
    times.dedup();
    let mut checked = 0;
    for time in times {
        let of_time: Vec<_> = asked.iter().filter(|(other, ..)| other == time).collect();
        let input = of_time.iter().map(|(_, addr, _)| format!("{{\"DstAddr\":\"{addr}\"}}\n")).collect::<Vec<_>>().concat();
        let output = enriched(&args(&format!("--at {time} --objects")), &input);
        for ((_, addr, is), line) in of_time.into_iter().zip(output.lines()) {
            let mut said: Map<String, Value> = serde_json::from_str(line).unwrap();
            said.remove("DstAddr");
            let expected = members("Dst", is);
            // Beside these stand the original's names, under the careful answer.
            let pod = (is["kind"] == "Pod").then(|| is["name"].clone()).filter(|name| !name.is_null());
            assert_eq!(said.remove("DstPod"), pod, "{addr} at {time}");
            let (workload, kind) = (said.remove("DstWorkload"), said.remove("DstWorkloadKind"));
            assert_eq!(workload.is_some(), expected.contains_key("DstName"), "{addr} at {time}");
            assert_eq!(workload.is_some(), kind.is_some());
            assert_eq!(said.remove("DstWarn").is_some(), expected.contains_key("DstAmbiguous"), "{addr} at {time}");
            assert_eq!(said, expected, "{addr} at {time}");
            checked += 1;
        }
    }
    assert_eq!(checked, now.len() + 6);
}

#[test]
fn the_careful_answer_is_added_behind_what_was_there() {
    let line = r#"{ "Extra":1.50e1, "TimeFlowEnd":1795176000,"SrcAddr":"10.244.1.90","DstAddr":"10.96.0.1","DstPort":443,"Proto":6,"Bytes":18446744073709551616 }"#;
    let expected = r#"{ "Extra":1.50e1, "TimeFlowEnd":1795176000,"SrcAddr":"10.244.1.90","DstAddr":"10.96.0.1","DstPort":443,"Proto":6,"Bytes":18446744073709551616,"SrcKind":"Pod","SrcAmbiguous":["legacy/dup-a","legacy/dup-b"],"SrcWarn":"Several pods found for same IP: dup-a.legacy,dup-b.legacy","DstNamespace":"default","DstWorkload":"kubernetes","DstWorkloadKind":"Service","DstKind":"Service","DstName":"kubernetes","DstBy":"clusterIP" }"#;
    assert_eq!(enriched(&args("--objects"), &format!("{line}\r\n{line}")), format!("{expected}\r\n{expected}"));
}

#[test]
fn the_time_is_the_records_own() {
    // One address that a finished job's pod had, and a running one has.
    let record = |time: &str| format!("{{\"SrcAddr\":\"10.244.3.70\",{time}}}\n");
    let pod = |arguments: &str, line: &str| {
        let out: Value = serde_json::from_str(&enriched(&args(arguments), line)).unwrap();
        out["SrcPod"].as_str().unwrap_or("-").to_owned()
    };
    let at = |seconds: u64| 1_795_132_800 + seconds; // 2026-11-20T00:00:00Z
    let (job, running) = ("backup-29393640-7xk9v", "reporter-84f5c9d6b7-l2m4n");
    assert_eq!(pod("--objects", &record(&format!("\"TimeFlowEnd\":{}", at(9 * 3600 + 30)))), job);
    assert_eq!(pod("--objects", &record(&format!("\"time_flow_end_ns\":{}000000000", at(9 * 3600 + 300)))), running);
    assert_eq!(pod("--objects", &record(&format!("\"TimeFlowEnd\":0,\"TimeReceived\":{}", at(9 * 3600 + 30)))), job);
    assert_eq!(pod("--objects", &record("\"TimeReceived\":1628419398")), "-", "long before the cluster");
    assert_eq!(pod("--at now --objects", &record("\"TimeReceived\":1628419398")), running);
    assert_eq!(pod("--at 2026-11-20T10:00:30+01:00 --objects", &record("\"TimeReceived\":1628419398")), job);
}

#[test]
fn lines_that_are_no_records_pass() {
    let input = "\nnonsense\n{\"SrcAddr\":\"10.244.0.5\"\nnull\n[1]\n{\"a\":1} {}\n{\"SrcAddr\":7,\"DstAddr\":\"not an address\"}\r\n{\"x\":1e400}\n";
    assert_eq!(enriched(&args("--objects"), input), input);
    let original =
        input.replace("{\"SrcAddr\":7,\"DstAddr\":\"not an address\"}\r", "{\"DstAddr\":\"not an address\",\"SrcAddr\":7}");
    assert_eq!(enriched(&args("--compat --objects"), input), original);
    let (_, told) = program::run(&args("--objects"), input.as_bytes());
    assert!(told.contains("2 records, 6 lines that are none; addresses: 0 found, 0 ambiguous, 0 not found"), "{told}");
    assert!(told.contains("; 2 records without a time, asked for now"), "{told}");
    let (_, told) = program::run(&args("--at now --objects"), input.as_bytes());
    assert!(told.contains("; 0 records without a time, asked for now"), "{told}");
}

#[test]
fn any_member_can_be_mapped() {
    let line = "{\"NextHop\":\"10.244.0.5\",\"SrcAddr\":\"10.244.0.5\"}\n";
    let out = enriched(&args("-at 2026-11-20T12:00:00Z -mapping NextHop=Nxt,NxtHostIP=Host -objects"), line);
    let out: Map<String, Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&out["NxtPod"], &out["HostKind"], &out["HostName"]),
        (&"local-path-provisioner-78776bfc44-p2xkl".into(), &"Node".into(), &"cp-0".into())
    );
    assert!(!out.contains_key("SrcPod"));
}

#[test]
fn a_member_that_no_record_has_is_told() {
    let record = b"{\"SrcAddr\":\"10.244.1.10\"}\n";
    for (mapping, said) in [
        ("-mapping SrcAdr=Src,SrcAddr=Src", "no record had an address in SrcAdr; --mapping says"),
        ("", "no record had an address in DstAddr or dst_addr; --mapping says"),
    ] {
        let (_, told) = program::run(&args(&format!("{mapping} --objects")), record);
        assert!(told.contains(said) && told.matches("no record had").count() == 1, "{told}");
    }
    let (_, told) = program::run(&args("-mapping SrcAddr=Src --objects"), record);
    assert!(!told.contains("no record had"), "{told}");
}

#[test]
fn wrong_command_lines_and_files_say_what_is_wrong() {
    for (arguments, status, said) in [
        ("-mapping SrcAddr --objects", 2, "Invalid fields mapping pair 'SrcAddr' in 'SrcAddr'"),
        ("--at yesterday --objects", 2, "neither `record`, `now`, nor a time such as"),
        ("--services off --objects", 2, "not provided:\n  --compat"),
        ("--separator none --objects", 2, "--separator is for --input pb"),
        ("--loglevel noise --objects", 0, "log level noise not recognized, using info"),
        ("--objects /nowhere/dump.json", 1, "--objects /nowhere/dump.json: No such file"),
        ("--objects Cargo.toml", 1, "--objects Cargo.toml: not a dump of Kubernetes objects: expected value at line 1 column 2"),
    ] {
        let (code, _, told) = program::status(&args(arguments), b"");
        assert!(code == Some(status) && told.matches(said).count() == 1, "{arguments}: {code:?} {told}");
        assert!(told.matches("expected value").count() <= 1, "said once: {told}");
    }
    let (code, out, _) = program::status(&["-v".to_owned()], b"");
    assert_eq!((code, out.as_str()), (Some(0), concat!("kube-enricher ", env!("CARGO_PKG_VERSION"), "\n")));
    let (code, out, _) = program::status(&["-help".to_owned()], b"");
    assert!(code == Some(0) && out.contains("Ambiguous"), "{out}");
}

#[test]
fn bad_objects_are_told_in_both_modes() {
    let said = "Node worker-c: metadata.annotations['k8s.ovn.org/node-subnets']: ";
    for arguments in ["--objects", "--compat --objects"] {
        let (_, told) = program::run(&args(arguments), b"");
        assert_eq!(told.matches(said).count(), 1, "{arguments}: {told}");
    }
}

#[test]
fn what_cannot_be_read_or_written_says_where() {
    let run = |from: &str, to: &str| {
        let to = std::fs::OpenOptions::new().write(true).open(to).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kube-enricher"))
            .args(args("--loglevel error --objects"))
            .stdin(std::fs::File::open(from).unwrap())
            .stdout(to)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = run(env!("CARGO_MANIFEST_DIR"), "/dev/null");
    assert!(code == Some(1) && told.contains("standard input: Is a directory"), "{told}");
    let (code, told) = run(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "/dev/full");
    assert!(code == Some(1) && told.contains("standard output: No space left on device"), "{told}");
}
