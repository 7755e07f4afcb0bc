//! Names of enumerated values.

use super::ElementId;
use super::id::REVERSE_PEN;
use super::{drop_reasons, generated};

/// Values and their names, ascending by value.
pub(super) type Values = [(u64, &'static str)];

/// Names of the values of an enumerated element, ascending by value; `None` where no names are known.
///
/// Sources: the IANA registries behind the element, the numbers of Antrea (56506), Open vSwitch (6876), Cisco ASA and sFlow's
/// drop reasons, and for a reverse element (29305) its forward one. Unassigned and reserved values have no name.
/// A forwarding status is named whole, such as `Dropped (ACL deny)`. Costs one binary search.
#[must_use]
pub fn value_table(id: ElementId) -> Option<&'static [(u64, &'static str)]> {
    let id = match id {
        ElementId::Ipfix { pen: REVERSE_PEN, id } => ElementId::iana(id),
        // Cisco ASA's type from before IANA took the event over.
        ElementId::NetFlow9(40005) => ElementId::iana(233),
        other => other,
    };
    if let ElementId::Ipfix { pen: 0, id } = id
        && let Ok(at) = generated::VALUES.binary_search_by_key(&id, |&(element, _)| element)
    {
        return generated::VALUES.get(at).map(|&(_, values)| values);
    }
    if id == ElementId::DROP_REASON {
        return Some(&drop_reasons::DROP_REASONS);
    }
    other_values(id)
}

/// Name of one value of an enumerated element. Costs two binary searches.
///
/// ```
/// use flowcodec::ie::{ElementId, value_name};
/// assert_eq!(value_name(ElementId::iana(136), 1), Some("idle timeout"));
/// assert_eq!(value_name(ElementId::enterprise(56506, 137), 2), Some("inter-node"));
/// ```
#[must_use]
pub fn value_name(id: ElementId, value: u64) -> Option<&'static str> {
    let values = value_table(id)?;
    let at = values.binary_search_by_key(&value, |&(v, _)| v).ok()?;
    values.get(at).map(|&(_, name)| name)
}

/// Enumerations that no IANA registry of this package holds.
fn other_values(id: ElementId) -> Option<&'static Values> {
    let ElementId::Ipfix { pen, id } = id else {
        return None;
    };
    Some(match (pen, id) {
        (0, 35 | 49) => LEGACY_SAMPLING,
        (0, 61) => FLOW_DIRECTION,
        (0, 304) => SELECTOR_ALGORITHM,
        (6876, 891) => OVS_TUNNEL_TYPE,
        (56506, 115 | 118) => ANTREA_POLICY_TYPE,
        (56506, 137) => ANTREA_FLOW_TYPE,
        (56506, 139 | 140) => ANTREA_RULE_ACTION,
        _ => return None,
    })
}

/// `samplingAlgorithm` and `samplerMode` (RFC 3954 section 8).
const LEGACY_SAMPLING: &Values = &[(1, "deterministic"), (2, "random")];

/// `flowDirection` (its registry text).
const FLOW_DIRECTION: &Values = &[(0, "ingress"), (1, "egress")];

/// `selectorAlgorithm` (RFC 5477 section 8.2).
const SELECTOR_ALGORITHM: &Values = &[
    (1, "Systematic count-based Sampling"),
    (2, "Systematic time-based Sampling"),
    (3, "Random n-out-of-N Sampling"),
    (4, "Uniform probabilistic Sampling"),
    (5, "Property Match Filtering"),
    (6, "Hash-based Filtering using BOB"),
    (7, "Hash-based Filtering using IPSX"),
    (8, "Hash-based Filtering using CRC"),
];

/// Open vSwitch `tunnelType`.
const OVS_TUNNEL_TYPE: &Values = &[(1, "VXLAN"), (2, "GRE"), (3, "LISP"), (7, "GENEVE")];

/// Antrea `ingressNetworkPolicyType` and `egressNetworkPolicyType`.
const ANTREA_POLICY_TYPE: &Values = &[
    (0, "none"),
    (1, "K8s NetworkPolicy"),
    (2, "Antrea NetworkPolicy"),
    (3, "Antrea ClusterNetworkPolicy"),
    (4, "K8s ClusterNetworkPolicy"),
];

/// Antrea `flowType`.
const ANTREA_FLOW_TYPE: &Values =
    &[(0, "unspecified"), (1, "intra-node"), (2, "inter-node"), (3, "to external"), (4, "from external")];

/// Antrea `ingressNetworkPolicyRuleAction` and `egressNetworkPolicyRuleAction`.
const ANTREA_RULE_ACTION: &Values = &[(0, "no action"), (1, "allow"), (2, "drop"), (3, "reject")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ie::elements;

    #[test]
    fn known_values() {
        let iana = ElementId::iana;
        let antrea = |id| ElementId::enterprise(56506, id);
        let cases = [
            (iana(136), 3, "end of Flow detected"),
            (iana(89), 0x00, "Unknown"),
            (iana(89), 0x40, "Forwarded (Unknown)"),
            (iana(89), 0x81, "Dropped (ACL deny)"),
            (iana(89), 0xC3, "Consumed (For us)"),
            (iana(230), 4, "NAT44 session create"),
            (iana(229), 2, "Public"),
            (iana(46), 1, "TE-MIDPT"),
            (iana(46), 3, "VPN"),
            (iana(233), 2, "Flow Deleted"),
            (iana(101), 20, "PANA-L7-PEN"),
            (iana(345), 9, "4-octet words"),
            (iana(61), 1, "egress"),
            (iana(304), 4, "Uniform probabilistic Sampling"),
            (ElementId::enterprise(29305, 136), 1, "idle timeout"),
            (ElementId::enterprise(6876, 891), 7, "GENEVE"),
            (ElementId::NetFlow9(40005), 1, "Flow Created"),
            (antrea(115), 3, "Antrea ClusterNetworkPolicy"),
            (antrea(137), 4, "from external"),
            (antrea(140), 2, "drop"),
        ];
        for (id, value, name) in cases {
            assert_eq!(value_name(id, value), Some(name), "{id} = {value}");
        }
    }

    #[test]
    fn unnamed_values() {
        assert_eq!(value_name(ElementId::iana(136), 0), None, "reserved");
        assert_eq!(value_name(ElementId::iana(136), 6), None, "unassigned");
        assert_eq!(value_name(ElementId::iana(1), 1), None);
        assert_eq!(value_table(ElementId::NetFlow9(33002)), None);
        // The number of the old enterprise number means something else.
        assert_eq!(value_table(ElementId::enterprise(55829, 115)), None);
    }

    #[test]
    fn tables_ascend() {
        for element in elements() {
            if let Some(values) = value_table(element.id) {
                assert!(values.is_sorted_by_key(|&(value, _)| value), "{}", element.id);
                assert!(!values.is_empty(), "{}", element.id);
            }
        }
    }
}
