package kernel

import "strings"

// A Class says what a counter of ethtool -S counts. The zero Class is no loss, or nothing
// that is known to be one: packets, bytes, wake-ups, filters, checksums of the layers above.
type Class uint8

// The classes.
const (
	RingLoss Class = iota + 1 // packets that found no descriptor, or no room in the adapter, for the host was too slow
	WireLoss                  // frames that came broken, or longer or shorter than they may be
	SendLoss                  // packets that the driver or the adapter threw away on their way out
)

// A driverCounters is what is known of one driver. In a name, * stands for digits.
type driverCounters struct {
	ring, wire, send []string
	dropped          []string // those that the driver adds to rx_dropped too; they may be in ring as well
}

// Classify says what a driver's counter counts. A driver that is not known is judged by
// words that most of them use.
func Classify(driver, name string) Class {
	d, known := drivers[driver]
	switch {
	case !known:
		return classifyByWords(name)
	case anyName(d.ring, name):
		return RingLoss
	case anyName(d.wire, name):
		return WireLoss
	case anyName(d.send, name):
		return SendLoss
	}
	return 0
}

// InDropped says that the driver adds the counter to rx_dropped of its interface.
func InDropped(driver, name string) bool {
	d, known := drivers[driver]
	if !known {
		return classifyByWords(name) == RingLoss
	}
	return anyName(d.dropped, name)
}

// CountsDropped says that the driver adds counters of its own to rx_dropped, as far as is known.
func CountsDropped(driver string) bool {
	d, known := drivers[driver]
	return !known || len(d.dropped) > 0
}

func anyName(patterns []string, name string) bool {
	for _, p := range patterns {
		if likeName(p, name) {
			return true
		}
	}
	return false
}

// likeName matches a name with a pattern in which * stands for digits.
func likeName(pattern, name string) bool {
	for {
		before, after, digits := strings.Cut(pattern, "*")
		rest, ok := strings.CutPrefix(name, before)
		if !ok || !digits {
			return ok && rest == ""
		}
		name = strings.TrimLeft(rest, "0123456789")
		if name == rest {
			return false
		}
		pattern = after
	}
}

// The words of drivers that are not known. A name that holds one of the second list is no
// loss, whatever else it holds.
var (
	ringWords = []string{
		"missed", "no_buf", "no_dma", "nodesc", "no_erx", "no_pbuf", "no_frags", "out_of_buffer", "oob", "overflow",
		"overrun", "fifo_err", "discard", "drop",
	}
	harmlessWords = []string{
		"xdp", "fdir", "steer", "filter", "csum", "checksum", "macsec", "veb.", "tstamp", "cache", "smbus", "bmc",
		"if_down", "red_drop", "mf_tag", "mftag", "mapping", "ttl0", "tls", "hlb",
	}
	wireWords = []string{
		"crc", "fcs", "symbol", "align", "jabber", "runt", "fragment", "undersize", "oversize", "length_err", "illegal",
		"local_fault", "remote_fault", "uncorrect",
	}
)

func classifyByWords(name string) Class {
	name = strings.ToLower(name)
	switch {
	case anyWord(harmlessWords, name):
		return 0
	case anyWord(wireWords, name):
		return WireLoss
	case !anyWord(ringWords, name):
		return 0
	case strings.HasPrefix(name, "tx") || strings.Contains(name, "_tx_") || strings.Contains(name, "pkts tx"):
		return SendLoss
	}
	return RingLoss
}

func anyWord(words []string, name string) bool {
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// drivers says of each driver which of its names are losses. All are read from the kernel's
// source, 6.12 and 6.1 where they differ; the file stands beside each. What is not here is no
// loss, or not one of these three classes: rx_no_buffer_count of e1000e and later adapters
// counts frames that waited, fdir_miss is a filter, rx_csum_offload_errors is a checksum of
// the layers above, rx_steer_missed_packets was not for this host.
var drivers = map[string]driverCounters{
	// drivers/net/ethernet/intel/ixgbe/ixgbe_ethtool.c. rx_dropped is always 0.
	"ixgbe": {
		ring: []string{"rx_missed_errors", "rx_no_dma_resources", "rx_over_errors", "rx_fifo_errors"},
		wire: []string{"rx_crc_errors", "rx_frame_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		send: []string{"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors"},
	},
	// drivers/net/ethernet/intel/igb/igb_ethtool.c. rx_fifo_errors holds the other two.
	"igb": {
		ring: []string{"rx_missed_errors", "rx_queue_*_drops", "rx_fifo_errors"},
		wire: []string{"rx_crc_errors", "rx_align_errors", "rx_frame_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		send: []string{"tx_dropped", "tx_aborted_errors", "tx_carrier_errors"},
	},
	"igc": {
		ring: []string{"rx_missed_errors", "rx_queue_*_drops", "rx_fifo_errors"},
		wire: []string{"rx_crc_errors", "rx_align_errors", "rx_frame_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		send: []string{"tx_dropped", "tx_aborted_errors", "tx_carrier_errors"},
	},
	// drivers/net/ethernet/intel/e1000e/ethtool.c, and e1000/e1000_ethtool.c.
	"e1000e": {
		ring: []string{"rx_missed_errors", "rx_over_errors", "rx_fifo_errors"},
		wire: []string{"rx_crc_errors", "rx_frame_errors", "rx_align_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		send: []string{"tx_dropped", "tx_aborted_errors", "tx_carrier_errors"},
	},
	"e1000": {
		ring: []string{"rx_missed_errors", "rx_over_errors", "rx_fifo_errors"},
		wire: []string{"rx_crc_errors", "rx_frame_errors", "rx_align_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		send: []string{"tx_dropped", "tx_aborted_errors", "tx_carrier_errors"},
	},
	// drivers/net/ethernet/intel/i40e/i40e_ethtool.c. veb.* is the switch inside the adapter.
	"i40e": {
		ring: []string{"port.rx_discards", "rx_missed_errors", "rx_dropped"},
		wire: []string{
			"port.rx_crc_errors", "port.illegal_bytes", "port.rx_length_errors", "port.rx_undersize", "port.rx_fragments",
			"port.rx_oversize", "port.rx_jabber",
		},
		send:    []string{"port.tx_errors", "port.tx_dropped_link_down", "tx_dropped", "tx_errors"},
		dropped: []string{"rx_dropped"},
	},
	// drivers/net/ethernet/intel/iavf/iavf_ethtool.c
	"iavf": {ring: []string{"rx_discards"}, send: []string{"tx_discards", "tx_errors"}, dropped: []string{"rx_discards"}},
	// drivers/net/ethernet/intel/ice/ice_ethtool.c. .nic is the port, the others are this interface's share.
	"ice": {
		ring: []string{"rx_dropped", "rx_dropped.nic"},
		wire: []string{
			"rx_crc_errors.nic", "illegal_bytes.nic", "rx_undersize.nic", "rx_fragments.nic", "rx_oversize.nic", "rx_jabber.nic",
			"rx_length_errors.nic",
		},
		send:    []string{"tx_errors", "tx_errors.nic", "tx_dropped_link_down.nic"},
		dropped: []string{"rx_dropped"},
	},
	// drivers/net/ethernet/mellanox/mlx5/core/en_stats.c and the kernel's
	// Documentation/networking/device_drivers/ethernet/mellanox/mlx5/counters.rst
	"mlx5_core": {
		ring: []string{
			"rx_out_of_buffer", "rx_discards_phy", "rx_prio*_discards", "rx_prio*_buf_discard", "rx_prio*_cong_discard",
			"dev_internal_queue_oob", "dev_out_of_buffer", "rx_wqe_err",
		},
		wire: []string{
			"rx_crc_errors_phy", "rx_symbol_err_phy", "rx_pcs_symbol_err_phy", "rx_in_range_len_errors_phy",
			"rx_out_of_range_len_phy", "rx_oversize_pkts_phy", "rx_undersize_pkts_phy", "rx_fragments_phy", "rx_jabbers_phy",
			"rx_oversize_pkts_buffer", "rx_oversize_pkts_sw_drop",
		},
		send: []string{"tx_discards_phy", "tx_errors_phy", "tx*_dropped", "tx_queue_dropped", "tx_cqe_err"},
	},
	// drivers/net/ethernet/mellanox/mlx4/en_ethtool.c, en_port.c
	"mlx4_core": mlx4,
	"mlx4_en":   mlx4,
	// drivers/net/ethernet/broadcom/bnxt/bnxt_ethtool.c
	"bnxt_en": {
		ring: []string{"[*]: rx_discards", "rx_total_ring_discards", "rx_discard_packets_cos*", "rx_stat_discard"},
		wire: []string{
			"rx_fcs_err_frames", "rx_align_err_frames", "rx_jbr_frames", "rx_ovrsz_frames", "rx_mtu_err_frames", "rx_runt_frames",
			"rx_undrsz_frames", "rx_pcs_symbol_err", "rx_fec_uncorrectable_blocks",
		},
		send:    []string{"tx_stat_discard", "tx_total_ring_discards", "tx_err", "tx_fifo_underruns", "tx_fcs_err_frames"},
		dropped: []string{"rx_total_oom_discards", "rx_total_netpoll_discards"},
	},
	// drivers/net/ethernet/broadcom/bnx2x/bnx2x_ethtool.c, bnx2x_stats.c
	"bnx2x": {
		ring: []string{"rx_brb_discard", "rx_brb_truncate", "rx_discards", "[*]: rx_discards"},
		wire: []string{
			"rx_crc_errors", "rx_align_errors", "rx_fragments", "rx_jabbers", "rx_undersize_packets", "rx_oversize_packets",
		},
		send: []string{"tx_mac_errors", "tx_carrier_errors"},
	},
	// drivers/net/ethernet/broadcom/bnx2.c
	"bnx2": {
		ring: []string{"rx_discards", "rx_ftq_discards", "rx_fw_discards"},
		wire: []string{
			"rx_crc_errors", "rx_align_errors", "rx_jabbers", "rx_oversize_packets", "rx_undersize_packets", "rx_fragments",
		},
		send: []string{"tx_carrier_errors", "tx_mac_errors"},
	},
	// drivers/net/ethernet/broadcom/tg3.c
	"tg3": {
		ring: []string{"rx_discards", "rxbds_empty"},
		wire: []string{
			"rx_fcs_errors", "rx_align_errors", "rx_frame_too_long_errors", "rx_jabbers", "rx_undersize_packets",
			"rx_in_length_errors", "rx_out_length_errors", "rx_fragments",
		},
		send: []string{"tx_discards", "tx_errors", "tx_mac_errors", "tx_carrier_sense_errors", "tx_late_collisions"},
	},
	// drivers/net/ethernet/amazon/ena/ena_ethtool.c; rx_overruns and rx_drops in Amazon's own driver
	"ena": {
		ring:    []string{"rx_overruns", "rx_drops", "queue_*_rx_empty_rx_ring"},
		send:    []string{"tx_drops", "queue_*_tx_missed_tx"},
		dropped: []string{"rx_drops", "queue_*_rx_xdp_drop", "queue_*_rx_xdp_aborted"},
	},
	// drivers/net/virtio_net.c: rx_queue_N_drops in 6.1, rxN_drops in 6.12; both hold xdp_drops.
	"virtio_net": {
		ring:    []string{"rx*_hw_drop_overruns", "rx_queue_*_hw_drop_overruns"},
		send:    []string{"tx*_hw_drops", "tx_queue_*_hw_drops"},
		dropped: []string{"rx_queue_*_drops", "rx*_drops"},
	},
	// drivers/net/vmxnet3/vmxnet3_ethtool.c. "pkts rx OOB" is in no other counter of the interface.
	"vmxnet3": {
		ring: []string{"Rx Queue#: */pkts rx OOB"},
		wire: []string{"Rx Queue#: */drv dropped rx total/fcs", "Rx Queue#: */pkts rx err"},
		send: []string{
			"Tx Queue#: */pkts tx discard", "Tx Queue#: */pkts tx err", "Tx Queue#: */drv dropped tx total",
		},
		dropped: []string{"Rx Queue#: */drv dropped rx total"},
	},
	// drivers/net/ethernet/google/gve/gve_ethtool.c
	"gve": {
		ring: []string{"rx_no_buffers_posted[*]", "rx_queue_drop_cnt[*]"},
		wire: []string{"rx_drops_packet_over_mru[*]"},
		send: []string{"tx_dropped"},
		dropped: []string{
			"rx_dropped", "rx_dropped_pkt[*]", "rx_queue_drop_cnt[*]", "rx_drops_packet_over_mru[*]",
			"rx_drops_invalid_checksum[*]", "rx_no_buffers_posted[*]",
		},
	},
	// drivers/net/hyperv/netvsc_drv.c
	"hv_netvsc": {
		ring: []string{"rx_no_memory", "rx_comp_busy"},
		send: []string{"tx_no_space", "tx_no_memory", "tx_too_big", "vf_tx_dropped"},
	},
	// drivers/net/ethernet/qlogic/qede/qede_ethtool.c
	"qede": {
		ring: []string{"no_buff_discards", "brb_discards", "brb_truncates"},
		wire: []string{
			"rx_crc_errors", "rx_align_errors", "rx_carrier_errors", "rx_oversize_packets", "rx_jabbers", "rx_undersize_packets",
			"rx_fragments",
		},
		send: []string{"tx_err_drop_pkts", "tx_mem_alloc_err"},
	},
	// drivers/net/ethernet/sfc/ef10.c
	"sfc": {
		ring: []string{
			"port_rx_nodesc_drops", "rx_nodesc_trunc", "port_rx_overflow", "rx_overflow", "port_rx_pm_discard_bb_overflow",
			"port_rx_pm_discard_vfifo_full", "port_rx_pm_trunc_bb_overflow", "port_rx_pm_trunc_vfifo_full",
			"port_rx_dp_di_dropped_packets",
		},
		wire: []string{
			"port_rx_bad", "port_rx_align_error", "port_rx_length_error", "port_rx_bad_gtjumbo", "fec_uncorrected_errors",
			"rx_eth_crc_err",
		},
		send:    []string{"tx_bad", "tx_overflow"},
		dropped: []string{"port_rx_nodesc_drops", "rx_nodesc_trunc", "rx_noskb_drops"},
	},
	// drivers/net/ethernet/cisco/enic/enic_ethtool.c
	"enic": {
		ring: []string{"rx_no_bufs", "rx_drop"}, wire: []string{"rx_crc_errors", "rx_frames_too_long"},
		send:    []string{"tx_drops", "tx_errors"},
		dropped: []string{"rx_no_bufs", "rx_drop"},
	},
	// drivers/net/ethernet/emulex/benet/be_ethtool.c. rx_drops_no_pbuf is one number for all ports of the
	// card; rx_address_filtered and the rx_dropped_* of short and malformed packets are no faults.
	"be2net": {
		ring: []string{
			"rx_drops_no_pbuf", "rx_drops_no_erx_descr", "rxpp_fifo_overflow_drop", "rx_input_fifo_overflow_drop",
			"pmem_fifo_overflow_drop", "rxq*: rx_drops_no_frags",
		},
		wire: []string{
			"rx_crc_errors", "rx_alignment_symbol_errors", "rx_in_range_errors", "rx_out_range_errors", "rx_frame_too_long",
			"rx_drops_mtu", "jabber_events",
		},
		send: []string{"txq*: tx_drv_drops"},
	},
	// drivers/net/ethernet/netronome/nfp/nfp_net_ethtool.c
	"nfp": {
		ring: []string{"dev_rx_discards", "rx_drop_events"},
		wire: []string{
			"rx_frame_check_sequence_errors", "rx_alignment_errors", "rx_frame_too_long_errors", "rx_range_length_errors",
			"dev_rx_errors",
		},
		send:    []string{"dev_tx_discards", "dev_tx_errors"},
		dropped: []string{"dev_rx_discards"},
	},
	// drivers/net/ethernet/realtek/r8169_main.c. rx_missed has 16 bits.
	"r8169": {ring: []string{"rx_missed"}, wire: []string{"align_errors", "rx_errors"}, send: []string{"tx_errors", "tx_aborted", "tx_underrun"}},
	// drivers/net/ethernet/realtek/8139cp.c
	"8139cp": {ring: []string{"rx_fifo"}, wire: []string{"frame_align"}, send: []string{"tx_err", "tx_abort", "tx_underrun"}},
	// drivers/net/ethernet/aquantia/atlantic/aq_ethtool.c
	"atlantic": {ring: []string{"InDroppedDma"}, wire: []string{"InErrors"}, dropped: []string{"InDroppedDma"}},
	// drivers/net/ethernet/hisilicon/hns3/hns3_ethtool.c, hns3pf/hclge_main.c
	"hns3": {
		wire: []string{
			"mac_rx_fcs_err_pkt_num", "mac_rx_bad_pkt_num", "mac_rx_jabber_pkt_num", "mac_rx_oversize_pkt_num",
			"mac_rx_undersize_pkt_num", "rxq*_l2_err",
		},
		send: []string{"txq*_sw_err", "txq*_over_max_recursion", "txq*_hw_limitation"},
	},
}

// mlx4 has the same names whether its interface hangs on the core's driver or its own.
var mlx4 = driverCounters{
	ring: []string{"rx_fifo_errors", "rx_over_errors", "rx_missed_errors", "rx_dropped"},
	wire: []string{
		"rx_crc_errors", "rx_jabbers", "rx_in_range_length_error", "rx_out_range_length_error", "rx_length_errors",
	},
	send:    []string{"tx_errors", "tx_dropped"},
	dropped: []string{"rx_dropped"},
}
