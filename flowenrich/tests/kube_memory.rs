//! What a pod costs, counted at the allocator.
#![cfg(test)]

#[expect(dead_code, reason = "the most that was held is a matter of others")]
mod counting;

use counting::held;
use flowcodec::Timestamp;
use flowenrich::kube::{Cluster, Meta, Object, OwnerRef, Pod};

fn pod(n: u32, dual_stack: bool) -> Object {
    let set = format!("service-{:04}-6d4cf56db6", n / 4);
    let [.., b, c, d] = n.to_be_bytes();
    let mut addrs = vec![[10, b, c, d].into()];
    if dual_stack {
        addrs.push(format!("fd00:10:244::{n:x}").parse().unwrap());
    }
    Object::Pod(Pod {
        meta: Meta {
            kind: "Pod".to_owned(),
            // Pods of a ReplicaSet are in one namespace.
            namespace: format!("team-{}", n / 4 % 40),
            name: format!("{set}-{n:05x}"),
            uid: format!("00000000-0000-4000-8000-{n:012}"),
            resource_version: Some(1),
            created: Some(Timestamp::EPOCH),
            owner: Some(OwnerRef {
                group: "apps".to_owned(),
                kind: "ReplicaSet".to_owned(),
                name: set,
                uid: format!("rs-{}", n / 4),
            }),
            ..Meta::default()
        },
        node: Some(format!("node-{}", n % 200)),
        host_addr: Some([10, 1, 0, 1].into()),
        addrs,
        ..Pod::default()
    })
}

#[test]
fn a_few_hundred_octets_a_pod() {
    for (dual_stack, most) in [(false, 500), (true, 650)] {
        let before = held();
        let mut cluster = Cluster::default();
        cluster.load((0..20_000).map(|n| pod(n, dual_stack)), Timestamp::EPOCH);
        let all = held() - before;
        let each = all / 20_000;
        println!("{each} octets a pod, {} stack, owners' names and tables included", if dual_stack { "dual" } else { "single" });
        assert!(each < most, "{each} octets a pod");
        // Heartbeats change nothing and hold nothing.
        for n in 0..20_000 {
            cluster.apply(pod(n, dual_stack), Timestamp::EPOCH);
        }
        cluster.publish();
        let now = held() - before;
        assert!(now < all + 4_096, "{now} octets after heartbeats, {all} before (the test's own output holds some)");
        // And what went is given back.
        for n in 0..20_000 {
            cluster.delete(pod(n, dual_stack), Timestamp::EPOCH);
        }
        cluster.tick(Timestamp::from_seconds(301));
        cluster.publish();
        let left = (held() - before) / 20_000;
        println!("{left} left when all are gone");
        assert!(left < 60, "{left} octets a pod are left");
        drop(cluster);
        let left = held() - before;
        assert!(left < 4_096, "{left} octets are left (the test's own output holds some)");
    }
}
