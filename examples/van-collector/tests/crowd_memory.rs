//! What those hold who ask for everything and take nothing: in a process of its own, since it is the process that is measured.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tokio::time::sleep;
    use van_collector::http::Limits;

    use crate::common::big::{Big, NOW, of};
    use crate::common::{Server, rest};

    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Everything at once for each of forty who then take nothing. All of it would be 700 MB.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn those_who_ask_for_all_and_take_nothing_hold_little() {
        let hub = of(Big { sites: 6, processes: 200, services: 10, connections: 20_000 });
        let mut limits = Limits::default();
        limits.stall = Duration::from_secs(2);
        let server = Server::within(Arc::clone(&hub), limits).await;
        let before = resident();
        let all = server.get("/api/v2alpha1/connections").await.body;
        assert!(all.starts_with("{\"results\":[{") && all.ends_with("}],\"count\":20000,\"timeRangeCount\":20000}"));
        assert_eq!(all.matches("\"identity\":").count(), 20_000);
        let size = all.len();
        drop(all);
        assert!(size > 15 << 20, "{size}");
        let mut stalled = Vec::new();
        for number in 0..40 {
            let path = ["/api/v2alpha1/connections", "/api/v1alpha1/connections?includeDeleted=1"][number % 2];
            stalled.push(server.open(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await);
        }
        sleep(Duration::from_secs(1)).await;
        let grown = resident().saturating_sub(before);
        eprintln!("forty answers of {} MB each: {} MB held", size >> 20, grown >> 20);
        assert!(grown < 100 << 20, "{} MB", grown >> 20);
        // Others are served meanwhile, and the feed goes on.
        let begun = Instant::now();
        assert_eq!(server.list("/api/v2alpha1/connections?limit=3&sortBy=octetCount.desc").await.len(), 3);
        assert_eq!(server.get("/healthz").await.status, 200);
        hub.tick(NOW);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        // Nobody may take nothing for so long: the answer ends in the middle, and is seen to.
        sleep(Duration::from_secs(4)).await;
        let mut cut = 0;
        for stream in stalled {
            cut += usize::from(!rest(stream).await.ends_with("\r\n0\r\n\r\n"));
        }
        assert_eq!(cut, 40);
    }
}
