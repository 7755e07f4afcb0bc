//! The live path, against a router that speaks AMQP for real.

#[cfg(test)]
mod common;
#[cfg(test)]
mod peer;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use serde_json::Value as Json;
    use tokio::sync::watch;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};
    use van_collector::feed::{Certificates, Retry, RouterFeed};
    use van_collector::hub::{Clock, Hub};
    use vanflow::client;
    use vanflow::collector::{EndedBy, Settings};
    use vanflow::message::{beacon, records};
    use vanflow::record::{Attribute, RecordType, Scalar};

    use crate::common::{Server, state, v2_main};
    use crate::peer::{Act, Manner, Peer, Seen};

    /// A collector that is connected to a peer.
    struct Live {
        hub: Arc<Hub>,
        stop: watch::Sender<bool>,
        feed: JoinHandle<()>,
    }

    impl Live {
        fn start(peer: &Peer, settings: Settings, change: impl FnOnce(&mut RouterFeed)) -> Self {
            let hub = Hub::new(settings, Clock::Live, "peer", None);
            let mut feed = RouterFeed {
                address: format!("amqp://127.0.0.1:{}", peer.port).parse().unwrap(),
                certificates: None,
                server_name: None,
                settings: client::Settings::new("collector-under-test"),
                retry: Retry { first: Duration::from_millis(20), most: Duration::from_millis(100) },
            };
            change(&mut feed);
            let (stop, stopped) = watch::channel(false);
            let shared = Arc::clone(&hub);
            Self { hub, stop, feed: tokio::spawn(async move { feed.run(&shared, stopped).await }) }
        }

        async fn until(&self, what: &str, wanted: impl Fn(&vanflow::collector::Collector) -> bool) {
            for _ in 0..2_000 {
                if self.hub.look(&wanted) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("not within 10 seconds: {what}; {:?}", self.hub.look(|collector| *collector.stats()));
        }

        async fn messages(&self, count: u64) {
            self.until(&format!("{count} messages"), |collector| collector.stats().messages >= count).await;
        }

        /// All identities and attributes, as an independent merge of the recording has them.
        fn is_the_recordings_state(&self) {
            let wanted = state();
            let wanted = wanted["records"].as_object().unwrap();
            self.hub.look(|collector| {
                assert_eq!(collector.all_records().count(), wanted.len());
                for (identity, record) in wanted {
                    let found = collector.find(identity.as_bytes()).unwrap();
                    assert_eq!(found.record_type().to_string(), record["type"].as_str().unwrap());
                    let attributes = record["attrs"].as_object().unwrap();
                    assert_eq!(found.attributes().count() + 2, attributes.len(), "{identity}");
                    for (attribute, value) in found.attributes() {
                        let value = match value {
                            Scalar::Number(number) => Json::from(number),
                            Scalar::Text(text) => Json::from(text.to_string()),
                            other => panic!("{other:?}"),
                        };
                        assert_eq!(value, attributes[&attribute.code().to_string()], "{identity} {attribute}");
                    }
                    assert_eq!(found.ended().is_some(), record["ended"].as_bool().unwrap(), "{identity}");
                }
            });
        }

        async fn stop(self) {
            self.stop.send_replace(true);
            tokio::time::timeout(Duration::from_secs(5), self.feed).await.unwrap().unwrap();
        }
    }

    fn recording() -> Vec<(String, Vec<u8>)> {
        let octets = fs::read(v2_main()).unwrap();
        let index = fs::read_to_string(v2_main().with_extension("index.tsv")).unwrap();
        let rows = index.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>());
        rows.map(|row| {
            let (offset, length): (usize, usize) = (row[6].parse().unwrap(), row[7].parse().unwrap());
            (row[2].to_owned(), octets[offset..offset + length].to_vec())
        })
        .collect()
    }

    async fn send(peer: &Peer, messages: &[(String, Vec<u8>)]) {
        for (link, octets) in messages {
            peer.send(link, octets).await;
        }
    }

    const DIRECTS: [&str; 3] = ["sfe.ctrl-west-v2", "sfe.iQeO_:0", "sfe.w3st0:0"];

    fn flushed(seen: &Seen, times: usize) -> bool {
        DIRECTS.iter().all(|direct| seen.flushes.iter().filter(|flush| flush == direct).count() == times)
    }

    #[tokio::test]
    async fn discovers_subscribes_flushes_and_collects() {
        // As the capture's router, whose messages were a frame each; and in frames that cut most messages.
        for frame in [16_384, 100] {
            let peer = Peer::start(Manner { frame, ..Manner::default() }, None).await;
            let live = Live::start(&peer, Settings::default(), |_| ());
            peer.until("beacons are listened to", |seen| seen.attached.len() == 1 && seen.attached.contains("mc/sfe.all")).await;
            let messages = recording();
            send(&peer, &messages).await;
            live.messages(157).await;
            live.is_the_recordings_state();
            let unsettled = messages.iter().filter(|(link, _)| link.contains("ctrl")).count();
            let settled = |seen: &Seen| flushed(seen, 1) && seen.dispositions >= unsettled;
            let seen = peer.until("a FLUSH for each source, and all is settled", settled).await;
            assert_eq!(
                (seen.connections, &*seen.mechanisms, &*seen.containers),
                (1, &["ANONYMOUS".to_owned()][..], &["collector-under-test".to_owned()][..])
            );
            assert_eq!((seen.attached.len(), seen.attaches.len()), (13, 13), "four addresses for each of three sources");
            assert_eq!(seen.dispositions, unsettled, "what is not settled is");
            let server = Server::of(Arc::clone(&live.hub)).await;
            let health = server.get("/healthz").await.json();
            assert_eq!((&health["feed"], &health["sources"]), (&"connected".into(), &3.into()));
            assert_eq!(server.list("/api/v2alpha1/connections?timeRangeStart=0").await.len(), 42);
            live.stop().await;
            let seen = peer.until("goodbye is said", |seen| seen.closed == 1).await;
            assert_eq!(seen.violations, [""; 0]);
        }
    }

    #[tokio::test]
    async fn comes_back_after_every_end_and_asks_again() {
        let ends: [fn() -> Act; 5] = [
            || Act::HangUp,
            || Act::Close("the router is upgraded"),
            || Act::Detach("mc/sfe.w3st0:0"),
            || Act::Garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            // A performative that begins as it should, and does not end.
            || Act::Garbage(vec![0, 0, 0, 16, 2, 0, 0, 0, 0, 0x53, 0x14, 0xc0, 0xff, 0xff, 0x43, 0x43]),
        ];
        let peer = Peer::start(Manner::default(), None).await;
        let live = Live::start(&peer, Settings::default(), |_| ());
        let messages = recording();
        // All sources are known after the first sixty.
        let (first, rest) = messages.split_at(60);
        send(&peer, first).await;
        live.messages(60).await;
        for (end, times) in ends.iter().zip(2..) {
            peer.until("every source was asked", |seen| flushed(seen, times - 1)).await;
            peer.act(end());
            let seen = peer.until("everything is attached and asked for again", |seen| {
                seen.connections == times && seen.attached.len() == 13
            });
            let seen = seen.await;
            assert_eq!(seen.violations, [""; 0]);
            // A subscription is proven by what comes through it; that is how FLUSH knows that it will be answered.
            for source in ["w3st0:0", "iQeO_:0", "ctrl-west-v2"] {
                let suffix = if source == "ctrl-west-v2" { ".heartbeats" } else { "" };
                peer.send(&format!("mc/sfe.{source}{suffix}"), &vanflow::message::heartbeat(source, 1)).await;
            }
        }
        peer.until("every source was asked six times", |seen| flushed(seen, 6)).await;
        send(&peer, rest).await;
        live.messages(157 + 5 * 3).await;
        live.is_the_recordings_state();
        assert!(
            live.hub.look(|collector| collector.sources().all(|source| source.epoch_number() == 0)),
            "we were away, not they"
        );
        live.stop().await;
    }

    fn tcp(identity: &str, id: u64, start: u64) -> Vec<u8> {
        let attributes = [
            (Attribute::PARENT, Scalar::Text("r:1".into())),
            (Attribute::START_TIME, Scalar::Number(start)),
            (Attribute::OCTETS, Scalar::Number(start / 1_000)),
        ];
        records(Some(id), "mc/sfe.r:0.flows", &[(RecordType::BIFLOW_TPORT, identity, &attributes)])
    }

    #[tokio::test]
    async fn a_source_that_restarts_is_asked_again() {
        let peer = Peer::start(Manner::default(), None).await;
        let live = Live::start(&peer, Settings::default(), |_| ());
        peer.send("mc/sfe.all", &beacon("ROUTER", "r:0", "mc/sfe.r:0", "sfe.r:0")).await;
        peer.send("mc/sfe.r:0.flows", &tcp("r:7", 100, 5_000_000)).await;
        peer.until("the source was asked", |seen| seen.flushes == ["sfe.r:0"]).await;
        peer.send("mc/sfe.r:0.flows", &tcp("r:7", 2, 9_000_000)).await;
        live.until("a restart is noticed", |collector| collector.stats().restarts == 1).await;
        live.hub.look(|collector| {
            let mut versions: Vec<_> = collector
                .find_all(b"r:7")
                .map(|view| (view.epoch_number(), view.ended(), view.number(Attribute::OCTETS)))
                .collect();
            versions.sort_unstable();
            assert_eq!(
                versions,
                [(0, Some(EndedBy::Restart), Some(5_000)), (1, None, Some(9_000))],
                "two connections of one identity"
            );
        });
        peer.until("the source was asked again", |seen| seen.flushes.len() == 2).await;
        live.stop().await;
    }

    #[tokio::test]
    async fn a_source_that_stalls_is_let_go_and_taken_back() {
        let mut settings = Settings::default();
        settings.silence = Duration::from_millis(600);
        settings.flush_interval = Duration::from_millis(50);
        let peer = Peer::start(Manner::default(), None).await;
        let live = Live::start(&peer, settings, |_| ());
        let known = beacon("ROUTER", "r:0", "mc/sfe.r:0", "sfe.r:0");
        peer.send("mc/sfe.all", &known).await;
        peer.send("mc/sfe.r:0.flows", &tcp("r:7", 100, 5_000_000)).await;
        live.until("it is silent", |collector| collector.sources().any(|source| source.is_silent())).await;
        let ended = live.hub.look(|collector| collector.find(b"r:7").unwrap().ended());
        assert_eq!(ended, Some(EndedBy::Silence));
        peer.until("its links are closed", |seen| seen.attached.len() == 1).await;
        peer.send("mc/sfe.all", &known).await;
        peer.until("its links are attached again", |seen| seen.attached.len() == 5 && seen.attaches.len() == 9).await;
        peer.send("mc/sfe.r:0.flows", &tcp("r:7", 101, 5_000_000)).await;
        live.until("the same record lives again", |collector| collector.find(b"r:7").is_some_and(|view| view.ended().is_none()))
            .await;
        let seen = peer.until("it was asked again", |seen| seen.flushes.len() == 2).await;
        assert_eq!((seen.connections, seen.violations), (1, Vec::new()));
        live.stop().await;
    }

    #[tokio::test]
    async fn a_router_that_stalls_is_left() {
        let manner = Manner { idle: 100, ..Manner::default() };
        let peer = Peer::start(manner, None).await;
        let live = Live::start(&peer, Settings::default(), |feed| feed.settings.idle = Duration::from_millis(500));
        peer.until("heartbeats come", |seen| seen.heartbeats > 2).await;
        peer.act(Act::Stall);
        peer.until("a second connection", |seen| seen.connections == 2).await;
        let server = Server::of(Arc::clone(&live.hub)).await;
        let network = server.get("/page/network").await.json();
        let lost =
            network["happenings"].as_array().unwrap().iter().find(|happening| happening["what"] == "connection lost").unwrap();
        assert_eq!(lost["whom"], "the router was silent for too long");
        live.stop().await;
    }

    #[tokio::test]
    async fn a_router_that_wants_another_mechanism() {
        let peer = Peer::start(Manner { mechanism: "EXTERNAL", ..Manner::default() }, None).await;
        let live = Live::start(&peer, Settings::default(), |_| ());
        peer.until("tries, and tries again", |seen| seen.connections >= 3).await;
        let server = Server::of(Arc::clone(&live.hub)).await;
        let health = server.get("/healthz").await.json();
        assert_eq!(health["feed"], "connecting");
        assert!(health["reason"].as_str().unwrap().contains("does not offer the SASL mechanism"), "{health}");
        live.stop().await;
    }

    /// An authority, a router's certificate for `localhost`, and a client's, as Skupper's secrets hold them.
    struct Secrets {
        folder: PathBuf,
    }

    impl Secrets {
        fn make(name: &str) -> Self {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::create_dir_all(&folder).unwrap();
            let mut authority = CertificateParams::new(Vec::new()).unwrap();
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            authority.distinguished_name.push(DnType::CommonName, "skupper-local-ca");
            let key = KeyPair::generate().unwrap();
            let certificate = authority.self_signed(&key).unwrap();
            fs::write(folder.join("ca.crt"), certificate.pem()).unwrap();
            let issuer = Issuer::new(authority, key);
            for (file, names) in [("router", vec!["localhost".to_owned()]), ("tls", vec!["skupper-router-local".to_owned()])] {
                let key = KeyPair::generate().unwrap();
                let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
                fs::write(folder.join(format!("{file}.crt")), certificate.pem()).unwrap();
                fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
            }
            Self { folder }
        }

        fn acceptor(&self) -> TlsAcceptor {
            let read = |file: &str| CertificateDer::from_pem_file(self.folder.join(file)).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(read("ca.crt")).unwrap();
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_client_cert_verifier(verifier)
                .with_single_cert(vec![read("router.crt")], PrivateKeyDer::from_pem_file(self.folder.join("router.key")).unwrap())
                .unwrap();
            TlsAcceptor::from(Arc::new(config))
        }
    }

    #[tokio::test]
    async fn over_tls_who_we_are_is_our_certificate() {
        let secrets = Secrets::make("live-tls");
        let peer = Peer::start(Manner { mechanism: "EXTERNAL", ..Manner::default() }, Some(secrets.acceptor())).await;
        let live = Live::start(&peer, Settings::default(), |feed| {
            feed.address = format!("amqps://127.0.0.1:{}", peer.port).parse().unwrap();
            feed.certificates = Some(Certificates::in_folder(&secrets.folder));
            feed.server_name = Some("localhost".to_owned());
            feed.settings.external = true;
        });
        send(&peer, &recording()).await;
        live.messages(157).await;
        live.is_the_recordings_state();
        let seen = peer.until("a FLUSH for each source", |seen| flushed(seen, 1)).await;
        let own = CertificateDer::from_pem_file(secrets.folder.join("tls.crt")).unwrap().to_vec();
        assert_eq!((seen.mechanisms, seen.certificates), (vec!["EXTERNAL".to_owned()], vec![own]));
        live.stop().await;
    }

    #[tokio::test]
    async fn a_router_that_nobody_vouches_for_is_not_spoken_to() {
        let (secrets, others) = (Secrets::make("live-own"), Secrets::make("live-others"));
        let peer = Peer::start(Manner { mechanism: "EXTERNAL", ..Manner::default() }, Some(others.acceptor())).await;
        for (name, folder, wanted) in [
            ("localhost", secrets.folder.clone(), "ca.crt vouches for the router's certificate"),
            ("elsewhere", others.folder.clone(), "is not for \"elsewhere\""),
            ("localhost", PathBuf::from("/nonexistent"), "/nonexistent/ca.crt cannot be read"),
        ] {
            let live = Live::start(&peer, Settings::default(), |feed| {
                feed.address = format!("amqps://127.0.0.1:{}", peer.port).parse().unwrap();
                feed.certificates = Some(Certificates::in_folder(&folder));
                feed.server_name = Some(name.to_owned());
                feed.settings.external = true;
            });
            let server = Server::of(Arc::clone(&live.hub)).await;
            let mut reason = String::new();
            for _ in 0..400 {
                reason = server.get("/healthz").await.json()["reason"].as_str().unwrap_or_default().to_owned();
                if !reason.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(reason.contains(wanted), "{reason}");
            live.stop().await;
        }
        assert_eq!(peer.seen().mechanisms, [""; 0]);
    }
}
