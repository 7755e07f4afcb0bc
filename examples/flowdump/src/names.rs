//! Names people use for numbers, where the registries behind the elements have none.

/// IP protocols a person is likely to meet (IANA, Assigned Internet Protocol Numbers).
pub(crate) const IP_PROTOCOLS: &[(u8, &str)] = &[
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IPIP"),
    (6, "TCP"),
    (17, "UDP"),
    (41, "IPv6"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (58, "ICMPv6"),
    (89, "OSPF"),
    (103, "PIM"),
    (112, "VRRP"),
    (132, "SCTP"),
];

/// The name of an IP protocol.
pub(crate) fn ip_protocol(number: u8) -> Option<&'static str> {
    IP_PROTOCOLS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}
