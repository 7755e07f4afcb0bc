//! Counter records of networks: 0:1 to 0:1999.

use super::{
    FieldDef, HUNDREDTHS, Layout, MICROSECONDS, MILLISECONDS, OCTETS, PACKETS, fixed, hyper, int, list, mac, string, word,
};

const FRAMES: &str = "frames";

const LANES: &[FieldDef] = &[
    word("index"),
    word("tx_bias_current").unit("microamperes"),
    word("tx_power").unit("microwatts"),
    word("tx_power_min").unit("microwatts"),
    word("tx_power_max").unit("microwatts"),
    word("tx_wavelength").unit("nanometres"),
    word("rx_power").unit("microwatts"),
    word("rx_power_min").unit("microwatts"),
    word("rx_power_max").unit("microwatts"),
    word("rx_wavelength").unit("nanometres"),
];

/// Ascending by structure.
pub(super) static LAYOUTS: &[Layout] = &[
    Layout::counter(
        0,
        1,
        "if_counters",
        const {
            &[
                word("ifIndex"),
                word("ifType"),
                hyper("ifSpeed").unit("bits per second"),
                word("ifDirection"),
                word("ifStatus"),
                hyper("ifInOctets").unit(OCTETS),
                word("ifInUcastPkts").unit(PACKETS),
                word("ifInMulticastPkts").unit(PACKETS),
                word("ifInBroadcastPkts").unit(PACKETS),
                word("ifInDiscards").unit(PACKETS),
                word("ifInErrors").unit(PACKETS),
                word("ifInUnknownProtos").unit(PACKETS),
                hyper("ifOutOctets").unit(OCTETS),
                word("ifOutUcastPkts").unit(PACKETS),
                word("ifOutMulticastPkts").unit(PACKETS),
                word("ifOutBroadcastPkts").unit(PACKETS),
                word("ifOutDiscards").unit(PACKETS),
                word("ifOutErrors").unit(PACKETS),
                word("ifPromiscuousMode"),
            ]
        },
    ),
    Layout::counter(
        0,
        2,
        "ethernet_counters",
        const {
            &[
                word("dot3StatsAlignmentErrors").unit(FRAMES),
                word("dot3StatsFCSErrors").unit(FRAMES),
                word("dot3StatsSingleCollisionFrames").unit(FRAMES),
                word("dot3StatsMultipleCollisionFrames").unit(FRAMES),
                word("dot3StatsSQETestErrors"),
                word("dot3StatsDeferredTransmissions").unit(FRAMES),
                word("dot3StatsLateCollisions"),
                word("dot3StatsExcessiveCollisions").unit(FRAMES),
                word("dot3StatsInternalMacTransmitErrors").unit(FRAMES),
                word("dot3StatsCarrierSenseErrors"),
                word("dot3StatsFrameTooLongs").unit(FRAMES),
                word("dot3StatsInternalMacReceiveErrors").unit(FRAMES),
                word("dot3StatsSymbolErrors"),
            ]
        },
    ),
    Layout::counter(
        0,
        3,
        "tokenring_counters",
        const {
            &[
                word("dot5StatsLineErrors"),
                word("dot5StatsBurstErrors"),
                word("dot5StatsACErrors"),
                word("dot5StatsAbortTransErrors"),
                word("dot5StatsInternalErrors"),
                word("dot5StatsLostFrameErrors"),
                word("dot5StatsReceiveCongestions"),
                word("dot5StatsFrameCopiedErrors"),
                word("dot5StatsTokenErrors"),
                word("dot5StatsSoftErrors"),
                word("dot5StatsHardErrors"),
                word("dot5StatsSignalLoss"),
                word("dot5StatsTransmitBeacons"),
                word("dot5StatsRecoverys"),
                word("dot5StatsLobeWires"),
                word("dot5StatsRemoves"),
                word("dot5StatsSingles"),
                word("dot5StatsFreqErrors"),
            ]
        },
    ),
    Layout::counter(
        0,
        4,
        "vg_counters",
        const {
            &[
                word("dot12InHighPriorityFrames").unit(FRAMES),
                hyper("dot12InHighPriorityOctets").unit(OCTETS),
                word("dot12InNormPriorityFrames").unit(FRAMES),
                hyper("dot12InNormPriorityOctets").unit(OCTETS),
                word("dot12InIPMErrors").unit(FRAMES),
                word("dot12InOversizeFrameErrors").unit(FRAMES),
                word("dot12InDataErrors").unit(FRAMES),
                word("dot12InNullAddressedFrames").unit(FRAMES),
                word("dot12OutHighPriorityFrames").unit(FRAMES),
                hyper("dot12OutHighPriorityOctets").unit(OCTETS),
                word("dot12TransitionIntoTrainings"),
                hyper("dot12HCInHighPriorityOctets").unit(OCTETS),
                hyper("dot12HCInNormPriorityOctets").unit(OCTETS),
                hyper("dot12HCOutHighPriorityOctets").unit(OCTETS),
            ]
        },
    ),
    Layout::counter(
        0,
        5,
        "vlan_counters",
        const {
            &[
                word("vlan_id"),
                hyper("octets").unit(OCTETS),
                word("ucastPkts").unit(PACKETS),
                word("multicastPkts").unit(PACKETS),
                word("broadcastPkts").unit(PACKETS),
                word("discards").unit(PACKETS),
            ]
        },
    ),
    Layout::counter(
        0,
        6,
        "ieee80211_counters",
        const {
            &[
                word("dot11TransmittedFragmentCount"),
                word("dot11MulticastTransmittedFrameCount").unit(FRAMES),
                word("dot11FailedCount"),
                word("dot11RetryCount"),
                word("dot11MultipleRetryCount"),
                word("dot11FrameDuplicateCount").unit(FRAMES),
                word("dot11RTSSuccessCount"),
                word("dot11RTSFailureCount"),
                word("dot11ACKFailureCount"),
                word("dot11ReceivedFragmentCount"),
                word("dot11MulticastReceivedFrameCount").unit(FRAMES),
                word("dot11FCSErrorCount"),
                word("dot11TransmittedFrameCount").unit(FRAMES),
                word("dot11WEPUndecryptableCount").unit(FRAMES),
                word("dot11QoSDiscardedFragmentCount"),
                word("dot11AssociatedStationCount"),
                word("dot11QoSCFPollsReceivedCount"),
                word("dot11QoSCFPollsUnusedCount"),
                word("dot11QoSCFPollsUnusableCount"),
                word("dot11QoSCFPollsLostCount"),
            ]
        },
    ),
    Layout::counter(
        0,
        7,
        "lag_port_stats",
        const {
            &[
                mac("dot3adAggPortActorSystemID"),
                mac("dot3adAggPortPartnerOperSystemID"),
                word("dot3adAggPortAttachedAggID"),
                fixed("dot3adAggPortState", 4),
                word("dot3adAggPortStatsLACPDUsRx"),
                word("dot3adAggPortStatsMarkerPDUsRx"),
                word("dot3adAggPortStatsMarkerResponsePDUsRx"),
                word("dot3adAggPortStatsUnknownRx"),
                word("dot3adAggPortStatsIllegalRx"),
                word("dot3adAggPortStatsLACPDUsTx"),
                word("dot3adAggPortStatsMarkerPDUsTx"),
                word("dot3adAggPortStatsMarkerResponsePDUsTx"),
            ]
        },
    ),
    Layout::counter(
        0,
        8,
        "slow_path_counts",
        const {
            &[
                word("unknown").unit(PACKETS),
                word("other").unit(PACKETS),
                word("cam_miss").unit(PACKETS),
                word("cam_full").unit(PACKETS),
                word("no_hw_support").unit(PACKETS),
                word("cntrl").unit(PACKETS),
            ]
        },
    ),
    Layout::counter(
        0,
        9,
        "ib_counters",
        const {
            &[
                hyper("PortXmitPkts").unit(PACKETS),
                hyper("PortRcvPkts").unit(PACKETS),
                word("SymbolErrorCounter"),
                word("LinkErrorRecoveryCounter"),
                word("LinkDownedCounter"),
                word("PortRcvErrors").unit(PACKETS),
                word("PortRcvRemotePhysicalErrors").unit(PACKETS),
                word("PortRcvSwitchRelayErrors").unit(PACKETS),
                word("PortXmitDiscards").unit(PACKETS),
                word("PortXmitConstraintErrors").unit(PACKETS),
                word("PortRcvConstraintErrors").unit(PACKETS),
                word("LocalLinkIntegrityErrors"),
                word("ExcessiveBufferOverrunErrors"),
                word("VL15Dropped").unit(PACKETS),
            ]
        },
    ),
    Layout::counter(
        0,
        10,
        "sfp",
        const {
            &[
                word("module_id"),
                word("module_num_lanes"),
                word("module_supply_voltage").unit("millivolts"),
                int("module_temperature").unit("thousandths of a degree Celsius"),
                list("lanes", LANES),
            ]
        },
    ),
    Layout::counter(
        0,
        11,
        "pfc_counters",
        const {
            &[
                word("requests").unit(FRAMES),
                word("indications").unit(FRAMES),
                word("pause_duration").unit(MICROSECONDS),
                word("storm_detected"),
                word("storm_restored"),
            ]
        },
    ),
    Layout::counter(
        0,
        1001,
        "processor",
        const {
            &[
                word("5s_cpu").unit(HUNDREDTHS),
                word("1m_cpu").unit(HUNDREDTHS),
                word("5m_cpu").unit(HUNDREDTHS),
                hyper("total_memory").unit(OCTETS),
                hyper("free_memory").unit(OCTETS),
            ]
        },
    ),
    Layout::counter(
        0,
        1002,
        "radio_utilization",
        const {
            &[
                word("elapsed_time").unit(MILLISECONDS),
                word("on_channel_time").unit(MILLISECONDS),
                word("on_channel_busy_time").unit(MILLISECONDS),
            ]
        },
    ),
    Layout::counter(
        0,
        1003,
        "queue_length",
        const {
            &[
                word("queueIndex"),
                word("segmentSize").unit(OCTETS),
                word("queueSegments"),
                word("queueLength0").unit(PACKETS),
                word("queueLength1").unit(PACKETS),
                word("queueLength2").unit(PACKETS),
                word("queueLength4").unit(PACKETS),
                word("queueLength8").unit(PACKETS),
                word("queueLength32").unit(PACKETS),
                word("queueLength128").unit(PACKETS),
                word("queueLength1024").unit(PACKETS),
                word("queueLengthMore").unit(PACKETS),
                word("dropped").unit(PACKETS),
            ]
        },
    ),
    Layout::counter(0, 1004, "of_port", const { &[hyper("datapath_id"), word("port_no")] }),
    Layout::counter(0, 1005, "port_name", const { &[string("name")] }),
];
