//! One flow after the other, and their values on the wire.

use super::{EXPORTED, UPTIME};

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }

    fn octet(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    fn one<T: Copy>(&mut self, of: &[T], or: T) -> T {
        let at = self.below(u32::try_from(of.len()).unwrap_or(0));
        usize::try_from(at).ok().and_then(|at| of.get(at)).copied().unwrap_or(or)
    }
}

/// What stands in one field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fill {
    Src4,
    Dst4,
    NextHop4,
    Src6,
    Dst6,
    NextHop6,
    SrcPort,
    DstPort,
    Protocol,
    Tos,
    Flags,
    Octets,
    Packets,
    InIf,
    OutIf,
    SrcAs,
    DstAs,
    SrcMask4,
    DstMask4,
    SrcMask6,
    DstMask6,
    StartUptime,
    EndUptime,
    StartMillis,
    EndMillis,
    StartSeconds,
    EndSeconds,
    Vlan,
    Direction,
    EndReason,
    /// A small number.
    Code,
    /// Some counter of 8 octets.
    Counter,
    /// A text behind its length.
    Text(Name),
}

/// The texts of Antrea; `empty` is the share of records without one, in percent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    Pod { empty: u32 },
    Namespace { empty: u32 },
    Node { empty: u32 },
    Service,
    Policy,
    Rule,
    TcpState,
    Egress,
    EgressAddress,
}

impl Fill {
    /// Octets by the template.
    pub(super) const fn length(self) -> u16 {
        match self {
            Self::Protocol
            | Self::Tos
            | Self::Flags
            | Self::SrcMask4
            | Self::DstMask4
            | Self::SrcMask6
            | Self::DstMask6
            | Self::Direction
            | Self::EndReason
            | Self::Code => 1,
            Self::SrcPort | Self::DstPort | Self::Vlan => 2,
            Self::Src4
            | Self::Dst4
            | Self::NextHop4
            | Self::InIf
            | Self::OutIf
            | Self::SrcAs
            | Self::DstAs
            | Self::StartUptime
            | Self::EndUptime
            | Self::StartSeconds
            | Self::EndSeconds => 4,
            Self::Octets | Self::Packets | Self::StartMillis | Self::EndMillis | Self::Counter => 8,
            Self::Src6 | Self::Dst6 | Self::NextHop6 => 16,
            Self::Text(_) => flowcodec::template::VARIABLE,
        }
    }
}

/// One flow of one exporter.
#[derive(Debug)]
pub(super) struct Flow {
    src: [u8; 4],
    dst: [u8; 4],
    next_hop: u8,
    src_port: u16,
    dst_port: u16,
    protocol: u8,
    tos: u8,
    flags: u8,
    packets: u32,
    octets: u32,
    in_if: u16,
    out_if: u16,
    src_as: u16,
    dst_as: u16,
    src_mask: u8,
    dst_mask: u8,
    vlan: u16,
    /// Before the export, in milliseconds.
    ended: u32,
    lasted: u32,
}

const PORTS: [u16; 12] = [443, 443, 443, 443, 80, 80, 53, 22, 123, 993, 3_306, 8_080];
const NETWORKS: [u16; 10] = [15_169, 16_509, 8_075, 13_335, 32_934, 2_906, 20_940, 3_320, 1_299, 6_939];

impl Flow {
    pub(super) fn new(number: usize, random: &mut Random) -> Self {
        let site = u8::try_from(number).unwrap_or(0);
        let protocol = random.one(&[6, 6, 6, 6, 6, 6, 17, 17, 17, 1], 6);
        // Most flows are short, a few are long.
        let magnitude = random.below(12).min(random.below(20));
        let packets = 1 + random.below(1 << magnitude);
        let inward = random.percent(50);
        let (service, client) = (random.one(&PORTS, 443), 1_024 + u16::from_be_bytes([random.octet() & 0x7f, random.octet()]));
        let inside = [10, site, random.octet() & 0x0f, random.octet()];
        let outside = [(random.octet() & 0x7f) | 0x40, random.octet(), random.octet(), random.octet()];
        let (src, dst) = if inward { (outside, inside) } else { (inside, outside) };
        let (src_port, dst_port) = match protocol {
            1 => (0, 0x0800),
            _ if inward => (service, client),
            _ => (client, service),
        };
        let (local, remote) = (64_512 + u16::from(site), random.one(&NETWORKS, 1_299));
        let (src_as, dst_as) = if inward { (remote, local) } else { (local, remote) };
        let lasted = if packets == 1 { 0 } else { random.below(60_000) };
        Self {
            src,
            dst,
            next_hop: random.octet() & 7,
            src_port,
            dst_port,
            protocol,
            tos: random.one(&[0, 0, 0, 0, 0x28, 0xb8, 0x48], 0),
            flags: if protocol == 6 { random.one(&[0x1b, 0x1b, 0x18, 0x10, 0x02, 0x1f, 0x14], 0x10) } else { 0 },
            packets,
            octets: packets * (40 + random.below(1_400)),
            in_if: if inward { 1 } else { 10 + u16::from(random.octet() & 0x1f) },
            out_if: if inward { 10 + u16::from(random.octet() & 0x1f) } else { 1 },
            src_as,
            dst_as,
            src_mask: random.one(&[24, 24, 22, 20, 16, 19], 24),
            dst_mask: random.one(&[24, 24, 22, 20, 16, 19], 24),
            vlan: 100 + u16::from(random.octet() & 0x0f),
            ended: random.below(15_000),
            lasted,
        }
    }

    const fn started_ms(&self) -> u32 {
        self.ended + self.lasted
    }

    pub(super) const fn hop(&self) -> [u8; 4] {
        [203, 0, 113, self.next_hop]
    }

    /// An IPv6 address that goes with an IPv4 one.
    const fn long([a, b, c, d]: [u8; 4]) -> [u8; 16] {
        [0x20, 0x01, 0x0d, 0xb8, a, b, 0, c, 0x02, d, 0xc0, 0xff, 0xfe, a ^ d, b ^ c, d]
    }

    fn unix_ms(ago: u32) -> u64 {
        u64::from(EXPORTED) * 1_000 - u64::from(ago)
    }

    pub(super) const fn out_if(&self) -> u16 {
        self.out_if
    }

    pub(super) const fn vlan(&self) -> u16 {
        self.vlan
    }

    pub(super) const fn src_as(&self) -> u16 {
        self.src_as
    }

    pub(super) const fn dst_as(&self) -> u16 {
        self.dst_as
    }

    /// The headers of one packet, from IPv4 on.
    pub(super) fn write_ipv4(&self, length: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x45, self.tos]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0x40, 0, 61, self.protocol, 0, 0]);
        out.extend_from_slice(&self.src);
        out.extend_from_slice(&self.dst);
        out.extend_from_slice(&self.src_port.to_be_bytes());
        out.extend_from_slice(&self.dst_port.to_be_bytes());
        if self.protocol == 6 {
            out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2, 0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        }
    }

    /// A record of v5.
    pub(super) fn write_netflow5(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.src);
        out.extend_from_slice(&self.dst);
        out.extend_from_slice(&self.hop());
        out.extend_from_slice(&self.in_if.to_be_bytes());
        out.extend_from_slice(&self.out_if.to_be_bytes());
        out.extend_from_slice(&self.packets.to_be_bytes());
        out.extend_from_slice(&self.octets.to_be_bytes());
        out.extend_from_slice(&(UPTIME - self.started_ms()).to_be_bytes());
        out.extend_from_slice(&(UPTIME - self.ended).to_be_bytes());
        out.extend_from_slice(&self.src_port.to_be_bytes());
        out.extend_from_slice(&self.dst_port.to_be_bytes());
        out.extend_from_slice(&[0, self.flags, self.protocol, self.tos]);
        out.extend_from_slice(&self.src_as.to_be_bytes());
        out.extend_from_slice(&self.dst_as.to_be_bytes());
        out.extend_from_slice(&[self.src_mask, self.dst_mask, 0, 0]);
    }

    /// One field.
    pub(super) fn write(&self, fill: Fill, random: &mut Random, out: &mut Vec<u8>) {
        match fill {
            Fill::Src4 => out.extend_from_slice(&self.src),
            Fill::Dst4 => out.extend_from_slice(&self.dst),
            Fill::NextHop4 => out.extend_from_slice(&self.hop()),
            Fill::Src6 => out.extend_from_slice(&Self::long(self.src)),
            Fill::Dst6 => out.extend_from_slice(&Self::long(self.dst)),
            Fill::NextHop6 => out.extend_from_slice(&Self::long(self.hop())),
            Fill::SrcPort => out.extend_from_slice(&self.src_port.to_be_bytes()),
            Fill::DstPort => out.extend_from_slice(&self.dst_port.to_be_bytes()),
            Fill::Protocol => out.push(self.protocol),
            Fill::Tos => out.push(self.tos),
            Fill::Flags => out.push(self.flags),
            Fill::Octets => out.extend_from_slice(&u64::from(self.octets).to_be_bytes()),
            Fill::Packets => out.extend_from_slice(&u64::from(self.packets).to_be_bytes()),
            Fill::InIf => out.extend_from_slice(&u32::from(self.in_if).to_be_bytes()),
            Fill::OutIf => out.extend_from_slice(&u32::from(self.out_if).to_be_bytes()),
            Fill::SrcAs => out.extend_from_slice(&u32::from(self.src_as).to_be_bytes()),
            Fill::DstAs => out.extend_from_slice(&u32::from(self.dst_as).to_be_bytes()),
            Fill::SrcMask4 => out.push(self.src_mask),
            Fill::DstMask4 => out.push(self.dst_mask),
            Fill::SrcMask6 => out.push(self.src_mask * 2),
            Fill::DstMask6 => out.push(self.dst_mask * 2),
            Fill::StartUptime => out.extend_from_slice(&(UPTIME - self.started_ms()).to_be_bytes()),
            Fill::EndUptime => out.extend_from_slice(&(UPTIME - self.ended).to_be_bytes()),
            Fill::StartMillis => out.extend_from_slice(&Self::unix_ms(self.started_ms()).to_be_bytes()),
            Fill::EndMillis => out.extend_from_slice(&Self::unix_ms(self.ended).to_be_bytes()),
            Fill::StartSeconds => out.extend_from_slice(&(EXPORTED - self.started_ms() / 1_000).to_be_bytes()),
            Fill::EndSeconds => out.extend_from_slice(&(EXPORTED - self.ended / 1_000).to_be_bytes()),
            Fill::Vlan => out.extend_from_slice(&self.vlan.to_be_bytes()),
            Fill::Direction => out.push(u8::from(self.in_if != 1)),
            Fill::EndReason => out.push(1 + random.octet() % 3),
            Fill::Code => out.push(random.octet() & 3),
            Fill::Counter => out.extend_from_slice(&u64::from(self.octets + random.below(1_000_000)).to_be_bytes()),
            Fill::Text(name) => {
                let text = name.make(self, random);
                // All texts here are shorter than 255 octets: one octet of length.
                out.push(u8::try_from(text.len()).unwrap_or(0));
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

const NAMESPACES: [&str; 8] =
    ["default", "kube-system", "monitoring", "payments-production", "shop-frontend", "data-platform", "ingress-nginx", "ml"];
const APPS: [&str; 8] =
    ["coredns", "checkout-api", "catalogue", "prometheus-server", "web", "kafka-broker", "feature-store-worker", "ingress-nginx"];
const POLICIES: [&str; 4] = ["default-deny", "allow-from-frontend", "allow-dns-egress", "restrict-database-access"];
const LETTERS: &[u8; 32] = b"bcdfghjklmnpqrstvwxz2456789bcdfg";

impl Name {
    fn make(self, flow: &Flow, random: &mut Random) -> String {
        match self {
            Self::Pod { empty } if !random.percent(empty) => {
                format!("{}-{}-{}", random.one(&APPS, "web"), letters(10, random), letters(5, random))
            }
            Self::Namespace { empty } if !random.percent(empty) => random.one(&NAMESPACES, "default").to_owned(),
            Self::Node { empty } if !random.percent(empty) => format!("cluster-a-worker-{:02}", random.below(40)),
            Self::Service if random.percent(40) => {
                format!("{}/{}:http", random.one(&NAMESPACES, "default"), random.one(&APPS, "web"))
            }
            Self::Policy if random.percent(30) => random.one(&POLICIES, "default-deny").to_owned(),
            Self::Rule if random.percent(20) => format!("rule-{}-{}", random.one(&APPS, "web"), random.below(10)),
            Self::TcpState if flow.protocol == 6 => {
                random.one(&["ESTABLISHED", "ESTABLISHED", "TIME_WAIT", "CLOSE"], "CLOSE").to_owned()
            }
            Self::Egress if random.percent(5) => format!("egress-{}", random.one(&NAMESPACES, "default")),
            Self::EgressAddress if random.percent(5) => format!("192.0.2.{}", random.octet()),
            _ => String::new(),
        }
    }
}

fn letters(count: usize, random: &mut Random) -> String {
    (0..count).map(|_| char::from(random.one(LETTERS, b'x'))).collect()
}
