//! What a decoder holds under floods, counted by the allocator.
//!
//! Two promises of [`Limits::total_bytes`](flowcodec::Limits::total_bytes): what is live never passes it by more than one datagram's
//! worth, and [`Decoder::bytes_held`] never claims less than what is live. And a third that makes them worth something: a well-behaved
//! exporter loses no record, whoever floods beside it.
#![cfg(test)]
#![deny(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::Ipv4Addr;

use flowcodec::{Decoder, Event, Exporter, Limits, RowScratch, Settings, Timestamp};

/// Counts what each thread holds, so that tests may run side by side.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(by: isize) {
    let live = LIVE.get() + by;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it is; the counters are plain numbers of the thread, which have no
// destructor and allocate nothing. `realloc` is the provided one: both blocks count while one is copied to the other.
#[expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises about `layout` are the ones the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: `block` came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// The ceiling of most tests.
const SMALL: usize = 6 << 20;
/// What one datagram may take beside the state: notes of what it did, and sets that are just being handed over.
const ROOM: usize = 64 << 10;

/// What a decoder has of its own beside the state: its tables at their smallest, a queue for what it has to say.
const OWN: isize = 4 << 10;

/// A decoder whose memory is watched.
struct Watched {
    decoder: Decoder,
    base: isize,
    now: Timestamp,
    datagram: Vec<u8>,
    /// Records that came out for the exporter last given.
    records: u32,
    lowest: isize,
    highest: isize,
}

impl Watched {
    fn new(limits: Limits) -> Self {
        let mut settings = Settings::default();
        settings.limits = limits;
        let datagram = Vec::with_capacity(1 << 16);
        let decoder = Decoder::new(settings);
        PEAK.set(LIVE.get());
        Self { decoder, base: LIVE.get(), now: NOW, datagram, records: 0, lowest: isize::MAX, highest: 0 }
    }

    fn small() -> Self {
        Self::new(limits(SMALL))
    }

    fn live(&self) -> isize {
        LIVE.get() - self.base
    }

    /// One IPFIX message.
    fn ipfix(&mut self, from: Exporter, domain: u32, sets: &[Set<'_>]) {
        let mut datagram = std::mem::take(&mut self.datagram);
        message(&mut datagram, domain, sets);
        self.send(from, &datagram);
        self.datagram = datagram;
    }

    fn send(&mut self, from: Exporter, datagram: &[u8]) {
        self.records = 0;
        let mut events = self.decoder.datagram(from, self.now, datagram);
        while let Some(event) = events.next() {
            let Event::Flows(set) = event else { continue };
            // A plan is compiled with the first record, and its shuffles with the eighth.
            let mut scratch = RowScratch::new();
            (0..8).for_each(|_| set.rows(&mut scratch, |_| ()));
            if set.context().exporter == from {
                self.records += set.len();
            }
        }
        drop(events);
        self.check();
    }

    /// Both promises.
    fn check(&mut self) {
        let (live, held) = (self.live(), self.decoder.bytes_held().cast_signed());
        let ceiling = self.decoder.settings().limits.total_bytes.cast_signed();
        self.lowest = self.lowest.min(held - live);
        self.highest = self.highest.max(PEAK.get() - self.base);
        assert!(live <= held + OWN, "{live} bytes live, {held} claimed");
        assert!(held <= ceiling, "{held} bytes held, {ceiling} allowed");
        let peak = PEAK.get() - self.base;
        assert!(peak <= ceiling + ROOM.cast_signed(), "{peak} bytes live at the peak, {ceiling} allowed");
    }
}

fn limits(total: usize) -> Limits {
    let mut limits = Limits::default();
    limits.total_bytes = total;
    limits.exporter_bytes = total / 4;
    limits.pending_bytes = total / 16;
    limits
}

enum Set<'a> {
    /// Id, and element and length of each field.
    Template(u16, &'a [(u16, u16)]),
    Options(u16, &'a [(u16, u16)]),
    Data(u16, &'a [u8]),
}

fn message(datagram: &mut Vec<u8>, domain: u32, sets: &[Set<'_>]) {
    datagram.clear();
    for number in [10, 0] {
        datagram.extend_from_slice(&u16::to_be_bytes(number));
    }
    for number in [1_700_000_000, 0, domain] {
        datagram.extend_from_slice(&u32::to_be_bytes(number));
    }
    for set in sets {
        let start = datagram.len();
        let (head, fields, octets): (&[u16], &[(u16, u16)], &[u8]) = match *set {
            Set::Template(id, fields) => (&[2, 0, id, fields.len().try_into().unwrap()], fields, &[]),
            Set::Options(id, fields) => (&[3, 0, id, fields.len().try_into().unwrap(), 1], fields, &[]),
            Set::Data(id, octets) => (&[id, 0], &[], octets),
        };
        let pairs = fields.iter().flat_map(|&(element, length)| [element, length]);
        for number in head.iter().copied().chain(pairs) {
            datagram.extend_from_slice(&number.to_be_bytes());
        }
        datagram.extend_from_slice(octets);
        let length = u16::try_from(datagram.len() - start).unwrap();
        datagram[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    let length = u16::try_from(datagram.len()).unwrap();
    datagram[2..4].copy_from_slice(&length.to_be_bytes());
}

const FIELDS: [(u16, u16); 7] = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4)];
const RECORD: [u8; 21] = [10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0, 90, 6, 0, 0, 0, 9, 0, 0, 0, 1];

fn exporter(number: u32) -> Exporter {
    Exporter::new(Ipv4Addr::from(0x0a00_0000 + number).into(), 4739)
}

const GOOD: u32 = 0x00ff_ff00;

/// 100,000 forged exporters, each of another kind; two that are well-behaved, one from the start and one from the middle on.
fn forged_exporters(total: usize) -> Watched {
    let mut v5 = vec![0_u8; 72];
    (v5[1], v5[3]) = (5, 1);
    let mut v9 = vec![0, 9, 0, 2, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    v9.extend_from_slice(&[0, 0, 0, 12, 1, 0, 0, 1, 0, 1, 0, 4, 1, 0, 0, 8, 0, 0, 0, 7]);
    let mut watched = Watched::new(limits(total));
    let announce = [Set::Template(300, &FIELDS)];
    let data = [Set::Data(300, &RECORD)];
    for number in 0..100_000_u32 {
        let forged = exporter(number);
        match number % 5 {
            0 => watched.ipfix(forged, 1, &[Set::Template(256, &FIELDS), Set::Data(256, &RECORD)]),
            1 => watched.ipfix(forged, 1, &announce),
            2 => watched.send(forged, &v5),
            3 => watched.send(forged, &v9),
            _ => watched.ipfix(forged, 1, &data),
        }
        // Each announces its template once, and sends data once in a thousand datagrams.
        for (good, begin) in [(GOOD, 0), (GOOD + 1, 50_000)] {
            if number == begin {
                watched.ipfix(exporter(good), 7, &announce);
            }
            if number >= begin && number % 1_000 == 0 {
                watched.ipfix(exporter(good), 7, &data);
                assert_eq!(watched.records, 1, "a record of the well-behaved exporter, after {number} forged ones");
            }
        }
    }
    let stats = watched.decoder.stats();
    assert_eq!(stats.bytes, stats.bytes_decoded + stats.bytes_reported + stats.bytes_pending);
    watched
}

#[test]
fn a_hundred_thousand_forged_exporters_under_a_small_ceiling() {
    let watched = forged_exporters(SMALL);
    assert!(watched.decoder.stats().exporters_evicted > 50_000, "{:?}", watched.decoder.stats());
}

#[test]
fn a_hundred_thousand_forged_exporters_under_the_default_ceiling() {
    let watched = forged_exporters(Limits::default().total_bytes);
    let (there, evicted) = (watched.decoder.exporters().count(), watched.decoder.stats().exporters_evicted);
    assert!(there > 30_000, "{there}");
    assert_eq!(there + usize::try_from(evicted).unwrap(), 100_002);
}

/// An exporter that announced its template once and speaks once a minute, while in every minute 100,000 forged sources send one good
/// datagram each. The whole flood could be as well behaved as it likes: it does not come back.
fn once_a_minute_beside_floods(total: usize) {
    let mut v5 = vec![0_u8; 72];
    (v5[1], v5[3]) = (5, 1);
    let mut watched = Watched::new(limits(total));
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for minute in 0..4_u32 {
        watched.now = NOW.offset(i64::from(minute) * 60_000_000_000);
        watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
        assert_eq!(watched.records, 1, "in minute {minute}");
        // It takes two messages to tell it from the flood.
        if minute == 0 {
            continue;
        }
        for number in 0..100_000 {
            watched.now = watched.now.offset(500_000);
            let forged = exporter(minute * 200_000 + number);
            if minute == 2 {
                watched.ipfix(forged, 7, &[Set::Template(300, &FIELDS), Set::Data(300, &RECORD)]);
            } else {
                watched.send(forged, &v5);
            }
        }
    }
    assert!(watched.decoder.stats().exporters_evicted > 100_000, "{:?}", watched.decoder.stats());
}

#[test]
fn once_a_minute_beside_floods_under_a_small_ceiling() {
    once_a_minute_beside_floods(SMALL);
}

#[test]
fn once_a_minute_beside_floods_under_the_default_ceiling() {
    once_a_minute_beside_floods(Limits::default().total_bytes);
}

#[test]
fn every_template_id_from_one_exporter() {
    let mut watched = Watched::small();
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for id in 256..=u16::MAX {
        watched.ipfix(exporter(1), 1, &[Set::Template(id, &FIELDS), Set::Data(id, &RECORD)]);
        assert_eq!(watched.records, 1);
    }
    watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
    assert_eq!(watched.records, 1);
}

#[test]
fn a_template_redefined_by_every_datagram() {
    let mut fields = FIELDS.to_vec();
    let mut watched = Watched::small();
    for number in 0..50_000_u16 {
        fields[5].1 = 1 + number % 8;
        watched.ipfix(exporter(1), 1, &[Set::Template(256, &fields)]);
    }
    assert_eq!(watched.decoder.templates().count(), 1);
}

#[test]
fn domains_of_one_exporter_with_large_templates() {
    let fields = vec![(1, 1); 2_048];
    let mut watched = Watched::small();
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for domain in 0..1_500 {
        watched.ipfix(exporter(1), domain, &[Set::Template(256, &fields)]);
    }
    watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
    assert_eq!(watched.records, 1);
}

#[test]
fn samplers_in_every_domain_of_one_exporter() {
    let mut samplers = Vec::new();
    for number in 0..1_100_u16 {
        samplers.extend_from_slice(&number.to_be_bytes());
        samplers.push(8);
    }
    let mut watched = Watched::small();
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for domain in 0..1_100 {
        watched.ipfix(exporter(1), domain, &[Set::Options(256, &[(302, 2), (34, 1)]), Set::Data(256, &samplers)]);
    }
    watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
    assert_eq!(watched.records, 1);
}

#[test]
fn elements_with_long_names_from_one_exporter() {
    let mut described = vec![b'n'; 60_000];
    // Short names only, unless the caller asks for more.
    let mut longer = limits(SMALL);
    longer.element_name_bytes = 65_535;
    let mut watched = Watched::new(longer);
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for number in 0..1_100_u16 {
        described[..6].copy_from_slice(&[0, 0, 0xfe, 0, number.to_be_bytes()[0], number.to_be_bytes()[1]]);
        let fields = [(346, 4), (303, 2), (341, 59_994)];
        watched.ipfix(exporter(1), 1, &[Set::Options(256, &fields), Set::Data(256, &described)]);
    }
    watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
    assert_eq!(watched.records, 1);
}

#[test]
fn ports_and_domains_of_one_exporter() {
    let mut watched = Watched::small();
    for number in 0..20_000_u32 {
        let [_, _, a, b] = number.to_be_bytes();
        let from = Exporter::new([10, 0, 0, 1].into(), u16::from_be_bytes([a, b]));
        watched.ipfix(from, number, &[Set::Template(256, &FIELDS)]);
    }
}

/// An sFlow datagram of an agent and sub-agent with a flow sample of each source, whose class is 0.
fn sflow(datagram: &mut Vec<u8>, agent: u32, sub_agent: u32, sources: std::ops::Range<u32>) {
    datagram.clear();
    let head = [5, 1, agent, sub_agent, 1, 1_000, u32::try_from(sources.len()).unwrap()];
    let samples = sources.flat_map(|source| [1, 32, 1, source, 1, 1, 0, 1, 2, 0]);
    datagram.extend(head.into_iter().chain(samples).flat_map(u32::to_be_bytes));
}

impl Watched {
    fn sflow(&mut self, from: Exporter, agent: u32, sub_agent: u32, sources: std::ops::Range<u32>) {
        let mut datagram = std::mem::take(&mut self.datagram);
        sflow(&mut datagram, agent, sub_agent, sources.clone());
        self.send(from, &datagram);
        assert_eq!(self.records, u32::try_from(sources.len()).unwrap());
        self.datagram = datagram;
    }
}

/// Forged sources of sFlow, each with as many data sources as the next one has not; and an agent that is well-behaved.
fn forged_agents(total: usize) -> Watched {
    let mut watched = Watched::new(limits(total));
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for number in 0..60_000_u32 {
        let sources = [0..1, 0..3, 5..20, 0..0, 0..200][usize::try_from(number % 5).unwrap()].clone();
        watched.sflow(exporter(number), number, number % 3, sources);
        if number % 1_000 == 0 {
            watched.now = watched.now.offset(1_000_000_000);
            watched.sflow(exporter(GOOD + 1), 9, 0, 0..48);
            watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
            assert_eq!(watched.records, 1, "after {number}");
        }
    }
    let status = watched.decoder.exporters().find(|status| status.exporter == exporter(GOOD + 1)).unwrap();
    assert_eq!((status.messages, status.lost_records, status.lost_packets), (60, 0, 0), "it was there all the time");
    watched
}

#[test]
fn forged_agents_under_a_small_ceiling() {
    assert!(forged_agents(SMALL).decoder.stats().exporters_evicted > 50_000);
}

#[test]
fn forged_agents_under_the_default_ceiling() {
    forged_agents(Limits::default().total_bytes);
}

#[test]
fn agents_and_data_sources_of_one_exporter() {
    let mut watched = Watched::small();
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    // Agents without end, with few sources and with many.
    for number in 0..20_000 {
        watched.sflow(exporter(1), number, 0, 0..number % 40);
    }
    // One agent, sources without end.
    for number in 0..1_000 {
        watched.sflow(exporter(2), 1, 0, number * 200..(number + 1) * 200);
    }
    // Sub-agents in turns, each with as many as a session may have.
    for round in 0..4 {
        for sub_agent in 0..60 {
            watched.sflow(exporter(3), 1, sub_agent, round * 1_100..(round + 1) * 1_100);
        }
    }
    watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
    assert_eq!(watched.records, 1);
    // All of it is given back.
    let later = NOW.offset(100 * 3_600 * 1_000_000_000);
    drop(watched.decoder.tick(later));
    assert_eq!(watched.decoder.exporters().count(), 0);
    // Tables of up to a thousand places are kept.
    watched.base += 128 << 10;
    watched.check();
}

/// Data that waits: small sets and large ones, from one exporter and from many, in one domain and in many.
#[test]
fn a_flood_of_data_without_templates() {
    let large = vec![7_u8; 40_000];
    let mut watched = Watched::small();
    watched.ipfix(exporter(GOOD), 7, &[Set::Template(300, &FIELDS)]);
    for number in 0..20_000_u32 {
        let id = u16::try_from(256 + number % 60_000).unwrap();
        watched.ipfix(exporter(1), 1, &[Set::Data(256, &[1]), Set::Data(id, &[])]);
        watched.ipfix(exporter(2), number % 512, &[Set::Data(id, &RECORD)]);
        if number % 16 == 0 {
            watched.ipfix(exporter(1_000 + number % 64), 1, &[Set::Data(256, &large)]);
            watched.ipfix(exporter(10_000 + number), 1, &[Set::Data(256, &[1, 2])]);
        }
        if number % 500 == 0 {
            watched.ipfix(exporter(GOOD), 7, &[Set::Data(300, &RECORD)]);
            assert_eq!(watched.records, 1);
        }
    }
    // The room that waiting data took is given back with it.
    drop(watched.decoder.finish());
    watched.check();
    assert_eq!(watched.decoder.stats().bytes_pending, 0);
}

/// All that waited comes out at once when its template arrives.
#[test]
fn data_that_waited_is_not_held_twice() {
    let mut watched = Watched::small();
    for _ in 0..20_000 {
        watched.ipfix(exporter(1), 1, &[Set::Data(256, &RECORD)]);
    }
    watched.ipfix(exporter(1), 1, &[Set::Template(256, &FIELDS)]);
    assert!(watched.records > 200, "{}", watched.records);
    watched.check();
}

/// One datagram with as many things to say as it can have.
#[test]
fn one_datagram_full_of_notes() {
    let zeros = vec![0_u8; 65_000];
    let rates: Vec<u8> = (0..65_000_u32).map(|number| 1 + u8::try_from(number % 2).unwrap()).collect();
    let mut watched = Watched::small();
    watched.ipfix(exporter(1), 1, &[Set::Options(256, &[(34, 1)]), Set::Template(257, &[(291, 65_535)])]);
    for octets in [&zeros, &rates] {
        watched.ipfix(exporter(1), 1, &[Set::Data(256, octets)]);
        watched.ipfix(exporter(1), 1, &[Set::Data(257, octets)]);
    }
}

/// The same in sFlow: bad records by the thousand, samples of sources that have no place, samples that are missing everywhere.
#[test]
fn one_datagram_of_samples_full_of_notes() {
    let datagram = |samples: u32, body: &[u32]| -> Vec<u8> {
        let head = [5, 1, 9, 0, 1, 1_000, samples];
        head.iter().chain(body).flat_map(|word| word.to_be_bytes()).collect()
    };
    // extended_switch without a body.
    let bad = [&[1, 32 + 64_000, 1, 1, 1, 1, 0, 1, 2, 8_000][..], &[1_001, 0].repeat(8_000)].concat();
    let mut datagrams = vec![datagram(1, &bad)];
    // A counters sample without records has 20 octets.
    let of_source = |source, number| [2, 12, number, source, 0];
    for number in 1..6 {
        let without_place: Vec<u32> = (0..3_200).flat_map(|source| of_source(source, number)).collect();
        let gaps: Vec<u32> =
            (1..3_200).flat_map(|at| of_source(1, 10_000 * number + if at < 100 { at } else { at * 2 })).collect();
        datagrams.extend([datagram(3_200, &without_place), datagram(3_199, &gaps)]);
    }
    // Short of their own heads.
    datagrams.push(datagram(8_000, &[1, 0].repeat(8_000)));
    let mut few = limits(SMALL);
    few.session_sources = 8;
    let mut watched = Watched::new(few);
    for datagram in &datagrams {
        watched.send(exporter(1), datagram);
    }
    assert_eq!(watched.decoder.stats().faults.total(), 16_000);
    assert!(watched.decoder.stats().lost_records > 0);
    assert!(watched.highest < ROOM.cast_signed(), "{}", watched.highest);
}

/// What a flood took is given back when its exporters are gone, whatever comes next.
#[test]
fn floods_of_different_kinds_one_after_the_other() {
    let mut watched = Watched::small();
    // Tables of up to a thousand places are kept.
    watched.base += 128 << 10;
    for number in 0..4_000 {
        watched.ipfix(exporter(number), number, &[Set::Data(256, &[1])]);
    }
    let later = NOW.offset(100 * 3_600 * 1_000_000_000);
    drop(watched.decoder.tick(later));
    assert_eq!(watched.decoder.exporters().count(), 0);
    watched.check();
    for number in 0..4_000_u32 {
        let from = exporter(number / 1_000);
        watched.ipfix(from, 1, &[Set::Template(256 + u16::try_from(number).unwrap(), &FIELDS)]);
    }
    drop(watched.decoder.tick(later));
    assert_eq!(watched.decoder.templates().count(), 0);
    watched.check();
}

/// Templates that are all different, each with a record, so that each has a plan.
#[test]
fn plans_of_all_kinds() {
    const COMMON: [u16; 24] = [8, 12, 7, 11, 4, 1, 2, 27, 28, 152, 153, 21, 22, 56, 80, 10, 14, 5, 6, 15, 58, 82, 70, 136];
    let length = |element, random: u64| match element {
        8 | 10 | 12 | 14 | 15 | 21 | 22 => 4,
        27 | 28 => 16,
        152 | 153 => 8,
        56 | 80 => 6,
        70 => 3,
        _ => 1 + u16::try_from(random % 8).unwrap(),
    };
    for most in [3, 12, 16, 40] {
        let mut watched = Watched::small();
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64 + most;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let mut read = 0;
        for number in 0..3_000_u16 {
            let fields: Vec<(u16, u16)> = (0..=random() % most)
                .map(|_| {
                    let element = COMMON[usize::try_from(random() % 24).unwrap()];
                    (element, length(element, random()))
                })
                .collect();
            let record = vec![1; fields.iter().map(|&(_, length)| usize::from(length)).sum()];
            let sets = [Set::Template(256 + number, &fields), Set::Data(256 + number, &record)];
            watched.ipfix(exporter(u32::from(number % 7)), 1, &sets);
            read += watched.records;
        }
        assert!(read > 2_000, "{read}");
    }
}
