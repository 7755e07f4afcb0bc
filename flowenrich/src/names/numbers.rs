//! Words for numbers that everybody shares.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use crate::read::{ReadError, lines};

use super::tables::{ICMP, ICMP_CODES, ICMP6, ICMP6_CODES, IP_PROTOCOLS, SERVICES, TCP_FLAGS};

/// Keyword of an IP protocol number, as IANA writes it.
///
/// ```
/// use flowenrich::names::ip_protocol;
/// assert_eq!((ip_protocol(6), ip_protocol(58), ip_protocol(254)), (Some("TCP"), Some("IPv6-ICMP"), None));
/// ```
#[must_use]
pub fn ip_protocol(number: u8) -> Option<&'static str> {
    IP_PROTOCOLS.get(usize::from(number)).copied().filter(|keyword| !keyword.is_empty())
}

/// Name of an ICMP type; `ip_protocol` tells ICMP (1) from ICMPv6 (58).
#[must_use]
pub fn icmp_type(ip_protocol: u8, number: u8) -> Option<&'static str> {
    let table = match ip_protocol {
        1 => ICMP,
        58 => ICMP6,
        _ => return None,
    };
    find(table, &number)
}

/// Name of a code of an ICMP type.
#[must_use]
pub fn icmp_code(ip_protocol: u8, number: u8, code: u8) -> Option<&'static str> {
    let table = match ip_protocol {
        1 => ICMP_CODES,
        58 => ICMP6_CODES,
        _ => return None,
    };
    find(table, &(number, code))
}

fn find<K: Ord + Copy>(table: &[(K, &'static str)], key: &K) -> Option<&'static str> {
    let at = table.binary_search_by_key(key, |(number, _)| *number).ok()?;
    table.get(at).map(|(_, name)| *name)
}

/// TCP control bits in words, from the lowest, joined by `|`. Bits without a word are one hexadecimal number at the end; no bits are
/// no text.
///
/// ```
/// use flowenrich::names::tcp_flags;
/// assert_eq!(tcp_flags(0x12).to_string(), "SYN|ACK");
/// assert_eq!(tcp_flags(0x1a00).to_string(), "0x1a00");
/// ```
#[must_use]
pub const fn tcp_flags(bits: u16) -> impl fmt::Display {
    TcpFlags(bits)
}

struct TcpFlags(u16);

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut between = "";
        for (bit, word) in TCP_FLAGS.iter().enumerate().map(|(at, word)| (1 << at, word)) {
            if rest & bit != 0 {
                write!(f, "{between}{word}")?;
                between = "|";
                rest &= !bit;
            }
        }
        if rest == 0 { Ok(()) } else { write!(f, "{between}{rest:#x}") }
    }
}

/// Names of services by port and IP protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services(HashMap<(u16, u8), Box<str>>);

/// The hundred or so that are met most.
impl Default for Services {
    fn default() -> Self {
        let each = SERVICES.iter().flat_map(|(port, protocols, name)| protocols.iter().map(|it| ((*port, *it), (*name).into())));
        Self(each.collect())
    }
}

impl Services {
    /// Reads the form of `/etc/services`: `name port/protocol aliases # remark`. Protocols beside tcp, udp, sctp and dccp are passed over.
    /// Of several names for one port the first is taken.
    ///
    /// # Errors
    /// At the first line that is neither a service nor empty.
    pub fn read(from: impl BufRead) -> Result<Self, ReadError> {
        let mut services = HashMap::new();
        lines(from, |line| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let name = words.next().unwrap_or_default();
            let end = words.next().ok_or_else(|| format!("'{name}' has no port"))?;
            let parts = end.split_once('/').and_then(|(port, protocol)| Some((port.parse::<u16>().ok()?, protocol)));
            let (port, protocol) = parts.ok_or_else(|| format!("'{end}' is not port/protocol"))?;
            let number = match protocol {
                "tcp" => 6,
                "udp" => 17,
                "sctp" => 132,
                "dccp" => 33,
                _ => return Ok(()),
            };
            services.entry((port, number)).or_insert_with(|| name.into());
            Ok(())
        })?;
        Ok(Self(services))
    }

    /// Name of the service at a port.
    #[must_use]
    pub fn name(&self, port: u16, ip_protocol: u8) -> Option<&str> {
        self.0.get(&(port, ip_protocol)).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole_and_in_order() {
        // Numbers far apart, as a table that has lost a row would show.
        for (number, keyword) in [
            (0, "HOPOPT"),
            (17, "UDP"),
            (47, "GRE"),
            (50, "ESP"),
            (89, "OSPFIGP"),
            (103, "PIM"),
            (112, "VRRP"),
            (115, "L2TP"),
            (132, "SCTP"),
            (137, "MPLS-in-IP"),
            (143, "Ethernet"),
            (145, "NSH"),
            (147, "BIT-EMU"),
        ] {
            assert_eq!(ip_protocol(number), Some(keyword));
        }
        assert_eq!((ip_protocol(61), ip_protocol(60), ip_protocol(148)), (None, Some("IPv6-Opts"), None));
        for table in [ICMP, ICMP6] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
        for table in [ICMP_CODES, ICMP6_CODES] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
        assert_eq!((icmp_type(1, 8), icmp_type(58, 8), icmp_type(58, 135)), (Some("Echo"), None, Some("Neighbor Solicitation")));
        assert_eq!(
            (icmp_code(1, 3, 3), icmp_code(58, 1, 4), icmp_code(6, 1, 4)),
            (Some("Port Unreachable"), Some("port unreachable"), None)
        );
    }

    #[test]
    fn flags_in_words() {
        for (bits, words) in
            [(0, ""), (0x01, "FIN"), (0xff, "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR"), (0x102, "SYN|AE"), (0x8002, "SYN|0x8000")]
        {
            assert_eq!(tcp_flags(bits).to_string(), words);
        }
    }

    #[test]
    fn services_of_a_file() {
        let text = "# remark\nhttp\t\t80/tcp\twww # web\nhttp-too 80/tcp\nrtmp 1/ddp\n\nsyslog 514/udp\n";
        let services = Services::read(text.as_bytes()).unwrap();
        assert_eq!((services.name(80, 6), services.name(80, 17), services.name(514, 17)), (Some("http"), None, Some("syslog")));
        for (bad, said) in [
            ("http", "line 1: 'http' has no port"),
            ("\nhttp 80", "line 2: '80' is not port/protocol"),
            ("x 99999/tcp", "line 1: '99999/tcp' is not port/protocol"),
        ] {
            assert_eq!(Services::read(bad.as_bytes()).unwrap_err().to_string(), said);
        }
        assert_eq!((Services::default().name(514, 6), Services::default().name(514, 17)), (Some("shell"), Some("syslog")));
    }
}
