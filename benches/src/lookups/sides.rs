//! Both sides of each comparison.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldId, FieldValue, Schema};
use flowcodec::{Timestamp, field};
use flowenrich::kube::{Cluster, Index};
use flowenrich::subnet::{PrefixTable, Subnets};
use flowenrich::{AddrKey, BoundChain, ByAddress, Chain, Lookup, Mapping, Question, Source as _};
use ipnetwork::IpNetwork;
use prefix_trie::{Prefix, PrefixMap};

use super::Sides;
use super::made::{
    address6, deployment, label, low, mixed, namespace, network4, network6, node, objects, pod_addr, pod_name, replica_set,
};

/// Pods of the cluster.
const PODS: u32 = 100_000;
/// Networks of a table.
const NETWORKS: u32 = 1_000_000;
/// Questions of a turn: so many that what the other side has left in the caches does not count.
const ASKED: u64 = 1 << 21;
/// Records of a turn: four batches, which are used again and again, as the other side's memory is.
const RECORDS: u64 = 1 << 15;
/// Questions asked at once, rows of a batch.
const AT_ONCE: usize = 8_192;

fn index() -> Arc<Index> {
    let mut cluster = Cluster::default();
    cluster.load(objects(PODS), Timestamp::EPOCH);
    cluster.live().current()
}

/// Addresses of all pods, and one in five that is none, in no order.
fn asked_pods() -> Vec<IpAddr> {
    let mut numbers: Vec<u32> = (0..PODS + PODS / 4).collect();
    numbers.sort_unstable_by_key(|n| mixed(u64::from(*n)));
    numbers.into_iter().map(pod_addr).collect()
}

/// 100,000 addresses, each of a pod, with time: who has it. Both sides have what they ask for at hand: ours questions, which are asked in
/// blocks as an enricher does with the rows of a batch, theirs addresses. So many are asked again and again, as what is asked lies in a cache
/// where it was just made.
pub(super) fn lookup_exact() -> Sides {
    const BLOCK: usize = 8_192;
    const AGAIN: u64 = 16;
    let index = index();
    let at = Timestamp::from_seconds(1_000);
    let plain: HashMap<IpAddr, String> = (0..PODS).map(|n| (pod_addr(n), pod_name(n))).collect();
    let addresses = asked_pods();
    let questions: Vec<Question<'_>> = addresses.iter().map(|addr| Question { key: AddrKey::new(*addr), at }).collect();
    let (again, times) = (0..AGAIN, 0..AGAIN);
    Sides {
        peer: "std_hashmap",
        records: u64::from(PODS + PODS / 4) * AGAIN,
        batch: None,
        before: Box::new(|| {}),
        ours: Box::new(move || {
            let mut found = 0_u64;
            for block in times.clone().flat_map(|_| questions.chunks(BLOCK)) {
                index.lookup_all(block, |_, one| found += u64::from(one.one().is_some()));
            }
            found
        }),
        theirs: Box::new(move || {
            let all = again.clone().flat_map(|_| &addresses);
            all.map(|addr| u64::from(plain.contains_key(addr))).sum()
        }),
    }
}

/// A million IPv4 networks: the label of the longest that an address is in.
pub(super) fn prefix4() -> Sides {
    let networks =
        (0..u64::from(NETWORKS)).map(network4).map(|net| (IpNetwork::V4(net), (net.network().to_bits(), net.prefix())));
    prefix(networks, (0..ASKED).map(|n| Ipv4Addr::from(low(mixed(n ^ 0xabcd_0000)))), |addr| (addr.to_bits(), 32))
}

/// A million IPv6 networks: the same.
pub(super) fn prefix6() -> Sides {
    let networks =
        (0..u64::from(NETWORKS)).map(network6).map(|net| (IpNetwork::V6(net), (net.network().to_bits(), net.prefix())));
    prefix(networks, (0..ASKED).map(address6), |addr| (addr.to_bits(), 128))
}

/// `host` makes the peer's key of an address.
fn prefix<P: Prefix + Clone + 'static, A: Copy + Into<IpAddr> + 'static>(
    networks: impl Iterator<Item = (IpNetwork, P)>,
    addresses: impl Iterator<Item = A>,
    host: impl Fn(A) -> P + 'static,
) -> Sides {
    let networks: Vec<_> = networks.zip(0..).map(|((ours, theirs), n)| (ours, theirs, label(n))).collect();
    let ours: PrefixTable<u32> = networks.iter().map(|(network, _, label)| (*network, *label)).collect();
    let theirs: PrefixMap<P, u32> = networks.into_iter().map(|(_, network, label)| (network, label)).collect();
    let addresses: Vec<A> = addresses.collect();
    let asked: Vec<IpAddr> = addresses.iter().map(|addr| (*addr).into()).collect();
    let sum = |found: Option<&u32>| found.map_or(0, |label| u64::from(*label));
    Sides {
        peer: "prefix_trie",
        records: ASKED,
        batch: None,
        before: Box::new(|| {}),
        ours: Box::new(move || {
            let mut found = 0_u64;
            for block in asked.chunks(AT_ONCE) {
                ours.values(block, |_, value| found += sum(value));
            }
            found
        }),
        theirs: Box::new(move || addresses.iter().map(|addr| sum(theirs.get_lpm(&host(*addr)).map(|(_, n)| n))).sum()),
    }
}

/// What one would keep of a pod, and clone for each record.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "written for who reads the record; nobody does here")]
struct Known {
    kind: String,
    name: String,
    namespace: String,
    node: String,
    zone: String,
    host: IpAddr,
    workload: String,
    workload_kind: String,
    owners: String,
}

impl Known {
    fn of(n: u32) -> Self {
        Self {
            kind: "Pod".to_owned(),
            name: pod_name(n),
            namespace: namespace(n),
            node: node(n % 200),
            zone: format!("zone-{}", n % 200 % 3),
            host: [172, 16, 0, u8::try_from(n % 200).unwrap_or(0)].into(),
            workload: deployment(n),
            workload_kind: "Deployment".to_owned(),
            owners: format!("ReplicaSet/{},Deployment/{}", replica_set(n), deployment(n)),
        }
    }
}

/// A record as one would enrich it.
#[derive(Debug, Default)]
struct Enriched {
    pods: [Option<Known>; 2],
    subnets: [Option<(String, String)>; 2],
}

/// Records with two pods and two of a million networks each, as columns.
pub(super) fn enrich_batch() -> Sides {
    let labels: Vec<(IpNetwork, String)> =
        (0..u64::from(NETWORKS)).zip(0..).map(|(n, m)| (IpNetwork::V4(network4(n)), format!("site-{}", label(m)))).collect();
    let pairs: Vec<[IpAddr; 2]> =
        (0..RECORDS).map(|n| [1, 2].map(|side| pod_addr(low(mixed(n ^ (side << 40))) % (PODS + PODS / 4)))).collect();
    let trie: PrefixMap<(u32, u8), String> = labels
        .iter()
        .filter_map(|(network, label)| match network {
            IpNetwork::V4(net) => Some(((net.network().to_bits(), net.prefix()), label.clone())),
            IpNetwork::V6(_) => None,
        })
        .collect();
    let known: HashMap<IpAddr, Known> = (0..PODS).map(|n| (pod_addr(n), Known::of(n))).collect();
    let (mut bound, batches, ends) = ours(labels);
    let batches = Rc::new(RefCell::new(batches));
    let (filled, blocks) = (Rc::clone(&batches), pairs.clone());
    let mut theirs: Vec<Enriched> = Vec::new();
    Sides {
        peer: "std_hashmap_prefix_trie_clones",
        records: RECORDS,
        batch: u64::try_from(AT_ONCE).ok(),
        before: Box::new(move || {
            for (batch, block) in filled.borrow_mut().iter_mut().zip(blocks.chunks(AT_ONCE)) {
                fill(batch, block, ends);
            }
        }),
        ours: Box::new(move || {
            let hits = |batch: &mut FlowBatch| bound.enrich(batch).map_or(0, |outcome| outcome.hits);
            batches.borrow_mut().iter_mut().map(hits).sum()
        }),
        theirs: Box::new(move || {
            let mut hits = 0_u64;
            for block in pairs.chunks(AT_ONCE) {
                theirs.clear();
                for pair in block {
                    let mut record = Enriched::default();
                    for (side, addr) in pair.iter().enumerate() {
                        if let (Some(place), Some(pod)) = (record.pods.get_mut(side), known.get(addr)) {
                            *place = Some(pod.clone());
                            hits += 1;
                        }
                        let IpAddr::V4(v4) = addr else { continue };
                        let found = trie.get_lpm(&(v4.to_bits(), 32));
                        if let (Some(place), Some(((bits, length), label))) = (record.subnets.get_mut(side), found) {
                            *place = Some((label.clone(), format!("{}/{length}", Ipv4Addr::from(bits))));
                            hits += 1;
                        }
                    }
                    theirs.push(record);
                }
                std::hint::black_box(&theirs);
            }
            hits
        }),
    }
}

#[expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]
fn ours(labels: Vec<(IpNetwork, String)>) -> (BoundChain, Vec<FlowBatch>, [FieldId; 3]) {
    let both = Mapping::default();
    let chain =
        Chain::new().then(ByAddress::new(index(), both.clone())).then(ByAddress::new(Arc::new(Subnets::new(labels)), both));
    let ends = [field::SRC_ADDR.id(), field::DST_ADDR.id(), field::END.id()];
    let bound = || -> anyhow::Result<(BoundChain, Vec<FlowBatch>)> {
        let schema = chain.schema(&Schema::common())?;
        let added = chain.fields().into_iter().filter_map(|spec| schema.find(&spec.name));
        let fields: Vec<FieldId> = ends.into_iter().chain(added).collect();
        let batch = || FlowBatch::builder(Arc::clone(&schema)).fields(fields.clone()).capacity(AT_ONCE).build();
        let many = usize::try_from(RECORDS)?.div_ceil(AT_ONCE);
        Ok((chain.bind(&schema)?, (0..many).map(|_| batch()).collect::<Result<_, _>>()?))
    };
    let (bound, batches) = bound().expect("the fields of the chain are in its own schema");
    (bound, batches, ends)
}

/// Rows of two addresses and a time.
fn fill(batch: &mut FlowBatch, pairs: &[[IpAddr; 2]], [src, dst, end]: [FieldId; 3]) {
    batch.clear();
    for [from, to] in pairs {
        let Some(mut row) = batch.row() else { return };
        row.set(src, FieldValue::Address(*from));
        row.set(dst, FieldValue::Address(*to));
        row.set(end, FieldValue::Time(Timestamp::from_seconds(1_000)));
    }
}
