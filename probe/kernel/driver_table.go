package kernel

// drivers is what drivers count, as their source says: that of Linux 6.12, and of 6.1 where names
// differ. What is not here is no loss, or not known to be one.
//
// A line is added with the place where it was read, never from a name alone.
var drivers = []KnownDriver{
	{
		Names: []string{"8139cp"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_fifo"}, "ethernet/realtek/8139cp.c: ethtool_stats_keys; a recording has it beside rx_missed_errors"},
			{WireLoss, InterfaceLevel, "", []string{"frame_align"}, "ethernet/realtek/8139cp.c: ethtool_stats_keys"},
			{SendFault, InterfaceLevel, "", []string{"tx_err", "tx_abort", "tx_underrun"}, "ethernet/realtek/8139cp.c: ethtool_stats_keys"},
		},
	},
	{
		Names: []string{"atlantic"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"InDroppedDma"}, "ethernet/aquantia/atlantic/aq_ethtool.c: aq_ethtool_stat_names; aq_nic.c: dpc"},
			{WireLoss, InterfaceLevel, "rx_errors", []string{"InErrors"}, "ethernet/aquantia/atlantic/aq_ethtool.c: aq_ethtool_stat_names; aq_nic.c: erpr"},
			{AllocFailure, QueueLevel, "", []string{"Queue[*] AllocFails", "Queue[*] SkbAllocFails"}, "ethernet/aquantia/atlantic/aq_ethtool.c: aq_ethtool_queue_rx_stat_names"},
			{LookAlike, QueueLevel, "", []string{"Queue[*] XdpDrop", "Queue[*] XdpAbort"}, "ethernet/aquantia/atlantic/aq_ethtool.c: aq_ethtool_queue_rx_stat_names"},
		},
	},
	{
		Names: []string{"bcmgenet"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "", []string{"rbuf_ovflow_cnt"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats, RBUF_OVFL_CNT"},
			{AllocFailure, InterfaceLevel, "", []string{"alloc_rx_buff_failed", "rx_dma_failed"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats"},
			{
				WireLoss, InterfaceLevel, "",
				[]string{"rx_fcs", "rx_align", "rx_outrange", "rx_carrier", "rx_oversize", "rx_jabber", "rx_mtu_err", "rx_crc", "rx_runt_pkts"},
				"ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats",
			},
			{SendLoss, InterfaceLevel, "", []string{"tx_dma_failed", "tx_realloc_tsb_failed"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats"},
			{SendFault, InterfaceLevel, "", []string{"tx_fcs_err", "tx_late_col", "tx_excess_col"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats"},
			{PauseReceived, InterfaceLevel, "", []string{"rx_pause"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats"},
			{PauseSent, InterfaceLevel, "", []string{"tx_pause"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats"},
			{LookAlike, InterfaceLevel, "", []string{"mdf_err_cnt", "rx_runt_bytes", "tx_defer", "rx_unknown"}, "ethernet/broadcom/genet/bcmgenet.c: bcmgenet_gstrings_stats; mdf is a filter"},
		},
	},
	{
		Names: []string{"be2net"},
		Note: "rx_drops_no_pbuf is one number for all ports of the card. rx_errors holds packets that were malformed above the frame, " +
			"which anybody can send: it says nothing of a cable.",
		Counters: []DriverCounters{
			{RingLoss, CardLevel, "rx_fifo_errors", []string{"rx_drops_no_pbuf"}, "ethernet/emulex/benet/be_ethtool.c: et_stats"},
			{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"rxpp_fifo_overflow_drop", "rx_input_fifo_overflow_drop"}, "ethernet/emulex/benet/be_main.c: be_get_stats64"},
			{RingLoss, InterfaceLevel, "", []string{"rx_drops_no_erx_descr", "pmem_fifo_overflow_drop"}, "ethernet/emulex/benet/be_ethtool.c: et_stats"},
			{RingLoss, QueueLevel, "rx_dropped", []string{"rxq*: rx_drops_no_frags"}, "ethernet/emulex/benet/be_ethtool.c: et_rx_stats; be_main.c: be_get_stats64"},
			{AllocLoss, QueueLevel, "rx_dropped", []string{"rxq*: rx_drops_no_skbs"}, "ethernet/emulex/benet/be_ethtool.c: et_rx_stats; be_main.c: be_get_stats64"},
			{AllocFailure, QueueLevel, "", []string{"rxq*: rx_post_fail"}, "ethernet/emulex/benet/be_ethtool.c: et_rx_stats"},
			{
				WireLoss, InterfaceLevel, "rx_errors",
				[]string{"rx_crc_errors", "rx_alignment_symbol_errors", "rx_in_range_errors", "rx_out_range_errors", "rx_frame_too_long"},
				"ethernet/emulex/benet/be_main.c: be_get_stats64",
			},
			{WireLoss, InterfaceLevel, "", []string{"rx_drops_mtu", "jabber_events"}, "ethernet/emulex/benet/be_ethtool.c: et_stats"},
			{SendLoss, QueueLevel, "tx_dropped", []string{"txq*: tx_drv_drops"}, "ethernet/emulex/benet/be_ethtool.c: et_tx_stats"},
			{
				SendFault, QueueLevel, "",
				[]string{"txq*: tx_hdr_parse_err", "txq*: tx_dma_err", "txq*: tx_tso_err", "txq*: tx_qinq_err", "txq*: tx_internal_parity_err", "txq*: tx_sge_err"},
				"ethernet/emulex/benet/be_ethtool.c: et_tx_stats",
			},
			{PauseReceived, InterfaceLevel, "", []string{"rx_pause_frames", "rx_priority_pause_frames"}, "ethernet/emulex/benet/be_ethtool.c: et_stats"},
			{PauseSent, InterfaceLevel, "", []string{"tx_pauseframes", "tx_priority_pauseframes"}, "ethernet/emulex/benet/be_ethtool.c: et_stats"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"rx_address_filtered", "rx_dropped_too_small", "rx_dropped_too_short", "rx_dropped_header_too_small", "rx_dropped_tcp_length", "rx_dropped_runt",
					"rx_ip_checksum_errs", "rx_tcp_checksum_errs", "rx_udp_checksum_errs", "roce_drops_payload_len", "roce_drops_crc", "eth_red_drops",
				},
				"ethernet/emulex/benet/be_ethtool.c: et_stats, which says so in comments",
			},
		},
	},
	{
		Names: []string{"bnx2"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_over_errors", []string{"rx_discards", "rx_ftq_discards"}, "ethernet/broadcom/bnx2.c: bnx2_get_stats64, IfInMBUFDiscards and IfInFTQDiscards"},
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_fw_discards"}, "ethernet/broadcom/bnx2.c: bnx2_get_stats64, FwRxDrop"},
			{
				WireLoss, InterfaceLevel, "rx_errors",
				[]string{"rx_crc_errors", "rx_align_errors", "rx_oversize_packets", "rx_undersize_packets"},
				"ethernet/broadcom/bnx2.c: bnx2_get_stats64",
			},
			{WireLoss, InterfaceLevel, "", []string{"rx_jabbers", "rx_fragments"}, "ethernet/broadcom/bnx2.c: bnx2_stats_str_arr"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_carrier_errors", "tx_mac_errors", "tx_excess_collisions", "tx_late_collisions"}, "ethernet/broadcom/bnx2.c: bnx2_get_stats64"},
			{PauseReceived, InterfaceLevel, "", []string{"rx_xoff_frames"}, "ethernet/broadcom/bnx2.c: bnx2_stats_str_arr"},
			{PauseSent, InterfaceLevel, "", []string{"tx_xoff_frames"}, "ethernet/broadcom/bnx2.c: bnx2_stats_str_arr"},
			{LookAlike, InterfaceLevel, "", []string{"rx_filtered_packets", "rx_error_bytes", "tx_error_bytes", "rx_xon_frames", "tx_xon_frames"}, "ethernet/broadcom/bnx2.c: bnx2_stats_str_arr"},
		},
	},
	{
		Names: []string{"bnx2x"},
		Note:  "rx_brb_discard and rx_brb_truncate are in rx_over_errors, which /proc/net/dev adds to frame.",
		Counters: []DriverCounters{
			{RingLoss, PortLevel, "rx_over_errors", []string{"rx_brb_discard", "rx_brb_truncate"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_net_stats_update"},
			{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"rx_discards"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_net_stats_update, no_buff_discard"},
			{RingLoss, QueueLevel, "rx_fifo_errors", []string{"[*]: rx_discards"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_q_stats_arr"},
			{AllocLoss, InterfaceLevel, "", []string{"rx_skb_alloc_discard"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_stats_arr"},
			{AllocLoss, QueueLevel, "", []string{"[*]: rx_skb_alloc_discard"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_q_stats_arr"},
			{
				WireLoss, PortLevel, "rx_errors",
				[]string{"rx_crc_errors", "rx_align_errors", "rx_undersize_packets", "rx_oversize_packets"},
				"ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_net_stats_update",
			},
			{WireLoss, PortLevel, "", []string{"rx_fragments", "rx_jabbers"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_stats_arr"},
			{
				SendFault, PortLevel, "tx_errors",
				[]string{"tx_mac_errors", "tx_carrier_errors", "tx_excess_collisions", "tx_late_collisions"},
				"ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_net_stats_update",
			},
			{PauseReceived, PortLevel, "", []string{"rx_pause_frames", "pfc_frames_received"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_stats_arr"},
			{PauseSent, PortLevel, "", []string{"tx_pause_frames", "pfc_frames_sent"}, "ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_stats_arr"},
			{
				LookAlike, PortLevel, "",
				[]string{
					"rx_filtered_packets", "rx_mf_tag_discard", "rx_csum_offload_errors", "rx_phy_ip_err_discards", "[*]: rx_phy_ip_err_discards",
					"[*]: rx_csum_offload_errors", "driver_filtered_tx_pkt", "[*]: driver_filtered_tx_pkt", "rx_error_bytes", "tx_error_bytes", "tx_deferred",
				},
				"ethernet/broadcom/bnx2x/bnx2x_stats.c: bnx2x_stats_arr, bnx2x_q_stats_arr",
			},
		},
	},
	{
		Names: []string{"bnxt_en"},
		Counters: []DriverCounters{
			{RingLoss, QueueLevel, "rx_missed_errors", []string{"[*]: rx_discards"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_ring_rx_stats_str; bnxt.c: bnxt_get_ring_stats"},
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_total_ring_discards"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_ring_drv_stats_arr"},
			{RingLoss, PriorityLevel, "", []string{"rx_discard_packets_cos*"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_ext_arr"},
			{RingLoss, PortLevel, "", []string{"rx_stat_discard"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{AllocLoss, InterfaceLevel, "rx_dropped", []string{"rx_total_oom_discards"}, "ethernet/broadcom/bnxt/bnxt.c: bnxt_get_ring_stats"},
			{AllocFailure, QueueLevel, "", []string{"[*]: rx_buf_errors"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_rx_sw_stats_str"},
			{AllocFailure, InterfaceLevel, "", []string{"rx_total_buf_errors"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_ring_drv_stats_arr"},
			{
				WireLoss, PortLevel, "",
				[]string{
					"rx_fcs_err_frames", "rx_align_err_frames", "rx_jbr_frames", "rx_ovrsz_frames", "rx_mtu_err_frames", "rx_runt_frames",
					"rx_undrsz_frames", "rx_pcs_symbol_err", "rx_fec_uncorrectable_blocks",
				},
				"ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr, bnxt_port_stats_ext_arr",
			},
			{SendLoss, PortLevel, "", []string{"tx_stat_discard"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_total_ring_discards"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_ring_drv_stats_arr"},
			{SendFault, PortLevel, "tx_errors", []string{"tx_err"}, "ethernet/broadcom/bnxt/bnxt.c: bnxt_get_stats64"},
			{SendFault, PortLevel, "tx_fifo_errors", []string{"tx_fifo_underruns"}, "ethernet/broadcom/bnxt/bnxt.c: bnxt_get_stats64"},
			{SendFault, PortLevel, "", []string{"tx_fcs_err_frames", "tx_stat_error"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{PauseReceived, PortLevel, "", []string{"rx_pause_frames", "rx_pfc_frames"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{PauseReceived, PriorityLevel, "", []string{"rx_pfc_ena_frames_pri*"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{PauseSent, PortLevel, "", []string{"tx_pause_frames", "tx_pfc_frames"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{PauseSent, PriorityLevel, "", []string{"tx_pfc_ena_frames_pri*"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr"},
			{LinkFault, PortLevel, "", []string{"link_down_events"}, "ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_ext_arr"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"rx_filter_miss", "rx_total_l4_csum_errors", "[*]: rx_l4_csum_errors", "rx_fec_corrected_blocks", "rx_runt_bytes", "rx_buffer_passed_threshold",
					"[*]: rx_errors", "resume_pause_events",
				},
				"ethernet/broadcom/bnxt/bnxt_ethtool.c: bnxt_port_stats_arr, bnxt_rx_sw_stats_str",
			},
			{LookAlike, InterfaceLevel, "rx_dropped", []string{"rx_total_netpoll_discards"}, "ethernet/broadcom/bnxt/bnxt.c: bnxt_get_ring_stats; netconsole takes them away"},
		},
	},
	{
		Names: []string{"cxgb4"},
		Note:  "What the adapter's buffer groups dropped is in rx_dropped, as that of the protocols is.",
		Counters: []DriverCounters{
			{
				RingLoss, PortLevel, "rx_dropped",
				[]string{"rx_bg*_frames_dropped", "rx_bg*_frames_trunc"},
				"ethernet/chelsio/cxgb4/cxgb4_ethtool.c: stats_strings; cxgb4_main.c: cxgb_get_stats, rx_ovflow and rx_trunc",
			},
			{
				WireLoss, PortLevel, "rx_errors",
				[]string{"rx_fcs_errors", "rx_length_errors", "rx_symbol_errors", "rx_runt_frames", "rx_frames_too_long", "rx_jabber_errors"},
				"ethernet/chelsio/cxgb4/cxgb4_ethtool.c: stats_strings; cxgb4_main.c: cxgb_get_stats",
			},
			{SendLoss, PortLevel, "", []string{"tx_frames_dropped"}, "ethernet/chelsio/cxgb4/cxgb4_ethtool.c: stats_strings"},
			{SendFault, PortLevel, "tx_errors", []string{"tx_error_frames"}, "ethernet/chelsio/cxgb4/cxgb4_main.c: cxgb_get_stats"},
			{PauseReceived, PortLevel, "", []string{"rx_pause_frames"}, "ethernet/chelsio/cxgb4/cxgb4_ethtool.c: stats_strings"},
			{PauseSent, PortLevel, "", []string{"tx_pause_frames"}, "ethernet/chelsio/cxgb4/cxgb4_ethtool.c: stats_strings"},
			{LookAlike, CardLevel, "", []string{"db_drop", "db_full", "db_empty", "write_coal_fail"}, "ethernet/chelsio/cxgb4/cxgb4_ethtool.c: adapter_stats_strings, doorbells"},
		},
	},
	{
		Names:    []string{"e1000"},
		Counters: append(e1000, DriverCounters{LookAlike, InterfaceLevel, "", []string{"rx_no_buffer_count"}, "ethernet/intel/e1000/e1000_ethtool.c: e1000_gstrings_stats; the frame waits in the adapter, and is in rx_missed_errors if it is lost"}),
	},
	{
		Names: []string{"e1000e"},
		Counters: append(
			e1000,
			DriverCounters{LookAlike, InterfaceLevel, "", []string{"rx_no_buffer_count"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats; the frame waits in the adapter, and is in rx_missed_errors if it is lost"},
			DriverCounters{LookAlike, InterfaceLevel, "", []string{"rx_header_split", "tx_restart_queue", "corr_ecc_errors", "tx_hwtstamp_timeouts", "tx_hwtstamp_skipped"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
		),
	},
	{
		Names: []string{"ena"},
		Note: "rx_missed_errors and rx_fifo_errors are always 0, and rx_dropped holds what an XDP program dropped. What AWS did not let " +
			"pass is nowhere else.",
		Counters: []DriverCounters{
			{
				RingLoss, QueueLevel, "", []string{"queue_*_rx_empty_rx_ring"},
				"ethernet/amazon/ena/ena_ethtool.c: ena_stats_rx_strings; times that the ring was found empty",
			},
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"rx_drops"}, "https://github.com/amzn/amzn-drivers kernel/linux/ena/ena_ethtool.c; ena_netdev.c: ena_get_stats64"},
			{RingLoss, InterfaceLevel, "", []string{"rx_overruns"}, "https://github.com/amzn/amzn-drivers kernel/linux/ena/ena_ethtool.c"},
			{
				AllowanceLoss, InterfaceLevel, "",
				[]string{
					"bw_in_allowance_exceeded", "bw_out_allowance_exceeded", "pps_allowance_exceeded", "conntrack_allowance_exceeded",
					"linklocal_allowance_exceeded",
				},
				"ethernet/amazon/ena/ena_ethtool.c: ena_stats_eni_strings",
			},
			{AllocLoss, QueueLevel, "", []string{"queue_*_rx_skb_alloc_fail"}, "ethernet/amazon/ena/ena_netdev.c: ena_rx_skb"},
			{AllocFailure, QueueLevel, "", []string{"queue_*_rx_page_alloc_fail", "queue_*_rx_refil_partial"}, "ethernet/amazon/ena/ena_ethtool.c: ena_stats_rx_strings"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_drops"}, "ethernet/amazon/ena/ena_netdev.c: ena_get_stats64"},
			{SendLoss, QueueLevel, "", []string{"queue_*_tx_dma_mapping_err", "queue_*_tx_linearize_failed", "queue_*_tx_prepare_ctx_err"}, "ethernet/amazon/ena/ena_ethtool.c: ena_stats_tx_strings"},
			{SendHang, InterfaceLevel, "", []string{"tx_timeout", "wd_expired"}, "ethernet/amazon/ena/ena_ethtool.c: ena_stats_global_strings"},
			{
				LookAlike, QueueLevel, "",
				[]string{"queue_*_rx_csum_bad", "queue_*_rx_csum_unchecked", "queue_*_tx_missed_tx", "queue_*_tx_queue_stop", "queue_*_tx_llq_buffer_copy"},
				"ethernet/amazon/ena/ena_ethtool.c: ena_stats_rx_strings, ena_stats_tx_strings; missed_tx is a completion that came late",
			},
			{LookAlike, QueueLevel, "rx_dropped", []string{"queue_*_rx_xdp_drop", "queue_*_rx_xdp_aborted"}, "ethernet/amazon/ena/ena_netdev.c: ena_get_stats64, total_xdp_rx_drops"},
			{LookAlike, InterfaceLevel, "", []string{"conntrack_allowance_available"}, "https://github.com/amzn/amzn-drivers kernel/linux/ena: entries that are left"},
		},
	},
	{
		Names: []string{"enic"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"rx_no_bufs", "rx_drop"}, "ethernet/cisco/enic/enic_main.c: enic_get_stats"},
			{AllocLoss, QueueLevel, "", []string{"rq[*]_no_skb"}, "ethernet/cisco/enic/enic_ethtool.c: enic_per_rq_stats"},
			{WireLoss, InterfaceLevel, "", []string{"rx_crc_errors"}, "ethernet/cisco/enic/enic_ethtool.c: enic_rx_stats"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_drops"}, "ethernet/cisco/enic/enic_main.c: enic_get_stats"},
			{SendLoss, InterfaceLevel, "", []string{"dma_map_error"}, "ethernet/cisco/enic/enic_ethtool.c: enic_gen_stats"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_errors"}, "ethernet/cisco/enic/enic_main.c: enic_get_stats"},
			{LookAlike, InterfaceLevel, "", []string{"rx_frames_to_max"}, "ethernet/cisco/enic/enic_ethtool.c: enic_rx_stats, a size"},
		},
	},
	{
		Names: []string{"fec"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "", []string{"IEEE_rx_macerr"}, "ethernet/freescale/fec_main.c: fec_stats, RMON_R MACERR: receive FIFO overflow"},
			{WireLoss, InterfaceLevel, "", []string{"rx_crc_errors", "rx_undersize", "rx_oversize", "rx_fragment", "rx_jabber", "IEEE_rx_crc", "IEEE_rx_align"}, "ethernet/freescale/fec_main.c: fec_stats"},
			{SendFault, InterfaceLevel, "", []string{"IEEE_tx_macerr", "IEEE_tx_cserr", "IEEE_tx_lcol", "IEEE_tx_excol"}, "ethernet/freescale/fec_main.c: fec_stats"},
			{PauseReceived, InterfaceLevel, "", []string{"IEEE_rx_fdxfc"}, "ethernet/freescale/fec_main.c: fec_stats"},
			{PauseSent, InterfaceLevel, "", []string{"IEEE_tx_fdxfc"}, "ethernet/freescale/fec_main.c: fec_stats"},
			{LookAlike, QueueLevel, "", []string{"rx_xdp_drop"}, "ethernet/freescale/fec_main.c: fec_xdp_stat_strs"},
		},
	},
	{
		Names: []string{"fsl_dpaa2_eth"},
		Note:  "What the hardware dropped is in no counter of /proc/net/dev; rx_dropped is the driver's.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "", []string{"[hw] rx nobuffer discards"}, "ethernet/freescale/dpaa2/dpaa2-ethtool.c: dpaa2_ethtool_stats"},
			{SendLoss, InterfaceLevel, "", []string{"[hw] tx discarded frames", "[hw] tx rejected frames"}, "ethernet/freescale/dpaa2/dpaa2-ethtool.c: dpaa2_ethtool_stats"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{"[hw] rx filtered frames", "[hw] rx discarded frames", "[drv] xdp drop", "[drv] enqueue portal busy", "[drv] dequeue portal busy"},
				"ethernet/freescale/dpaa2/dpaa2-ethtool.c: dpaa2_ethtool_stats, dpaa2_ethtool_extras; what a policer or classifier discards is meant to be",
			},
		},
	},
	{
		Names: []string{"gve"},
		Note:  "Google's limits of bandwidth and packets are counted nowhere on the host.",
		Counters: []DriverCounters{
			{
				RingLoss, QueueLevel, "",
				[]string{"rx_queue_drop_cnt[*]", "rx_no_buffers_posted[*]"},
				"ethernet/google/gve/gve_ethtool.c: gve_gstrings_rx_stats, what the NIC reports",
			},
			{WireLoss, QueueLevel, "", []string{"rx_drops_packet_over_mru[*]"}, "ethernet/google/gve/gve_ethtool.c: gve_gstrings_rx_stats, what the NIC reports"},
			{AllocLoss, InterfaceLevel, "rx_dropped", []string{"rx_skb_alloc_fail"}, "ethernet/google/gve/gve_ethtool.c: gve_get_ethtool_stats, a part of rx_dropped"},
			{AllocFailure, InterfaceLevel, "rx_dropped", []string{"rx_buf_alloc_fail"}, "ethernet/google/gve/gve_ethtool.c: gve_get_ethtool_stats, a part of rx_dropped"},
			{AllocFailure, InterfaceLevel, "", []string{"page_alloc_fail"}, "ethernet/google/gve/gve_ethtool.c: gve_gstrings_main_stats"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_dropped"}, "ethernet/google/gve/gve_ethtool.c: gve_get_ethtool_stats"},
			{SendLoss, QueueLevel, "", []string{"tx_dma_mapping_error[*]"}, "ethernet/google/gve/gve_ethtool.c: gve_gstrings_tx_stats"},
			{SendHang, InterfaceLevel, "", []string{"tx_timeouts"}, "ethernet/google/gve/gve_ethtool.c: gve_gstrings_main_stats"},
			{LookAlike, InterfaceLevel, "rx_dropped", []string{"rx_dropped", "rx_desc_err_dropped_pkt"}, "ethernet/google/gve/gve_ethtool.c: gve_get_ethtool_stats; the sum of the driver's own drops, which nic-rx-dropped tells"},
			{LookAlike, QueueLevel, "rx_dropped", []string{"rx_dropped_pkt[*]"}, "ethernet/google/gve/gve_ethtool.c: gve_gstrings_rx_stats; a part of rx_dropped"},
			{
				LookAlike, QueueLevel, "",
				[]string{"rx_xdp_drop[*]", "rx_xdp_aborted[*]", "rx_drops_invalid_checksum[*]"},
				"ethernet/google/gve/gve_ethtool.c: gve_gstrings_rx_stats",
			},
			{LookAlike, InterfaceLevel, "", []string{"adminq_cmd_fail", "adminq_timeouts"}, "ethernet/google/gve/gve_ethtool.c: gve_gstrings_adminq_stats, commands"},
		},
	},
	{
		Names: []string{"hns3"},
		Note:  "None of its counters is known to say that a ring was full.",
		Counters: []DriverCounters{
			{
				WireLoss, PortLevel, "",
				[]string{
					"mac_rx_fcs_err_pkt_num", "mac_rx_jabber_pkt_num", "mac_rx_oversize_pkt_num", "mac_rx_undersize_pkt_num", "mac_rx_fragment_pkt_num",
					"mac_rx_undermin_pkt_num",
				},
				"ethernet/hisilicon/hns3/hns3pf/hclge_main.c: g_mac_stats_string",
			},
			{WireLoss, QueueLevel, "rx_dropped", []string{"rxq*_l2_err"}, "ethernet/hisilicon/hns3/hns3_enet.c: hns3_nic_get_stats64"},
			{AllocLoss, QueueLevel, "rx_dropped", []string{"rxq*_dropped"}, "ethernet/hisilicon/hns3/hns3_ethtool.c: hns3_rxq_stats, sw_err_cnt"},
			{AllocFailure, QueueLevel, "", []string{"rxq*_frag_alloc_err"}, "ethernet/hisilicon/hns3/hns3_ethtool.c: hns3_rxq_stats"},
			{
				SendLoss, QueueLevel, "tx_dropped",
				[]string{
					"txq*_dropped", "txq*_vlan_err", "txq*_l4_proto_err", "txq*_l2l3l4_err", "txq*_tso_err", "txq*_over_max_recursion", "txq*_hw_limitation",
					"txq*_copy_bits_err", "txq*_skb2sgl_err", "txq*_map_sg_err",
				},
				"ethernet/hisilicon/hns3/hns3_enet.c: hns3_nic_get_stats64",
			},
			{SendFault, PortLevel, "", []string{"mac_tx_err_all_pkt_num"}, "ethernet/hisilicon/hns3/hns3pf/hclge_main.c: g_mac_stats_string"},
			{PauseReceived, PortLevel, "", []string{"mac_rx_mac_pause_num"}, "ethernet/hisilicon/hns3/hns3pf/hclge_main.c: g_mac_stats_string"},
			{PauseReceived, PriorityLevel, "", []string{"mac_rx_pfc_pri*_pkt_num"}, "ethernet/hisilicon/hns3/hns3pf/hclge_main.c: g_mac_stats_string"},
			{PauseSent, PortLevel, "", []string{"mac_tx_mac_pause_num"}, "ethernet/hisilicon/hns3/hns3pf/hclge_main.c: g_mac_stats_string"},
			{PauseSent, PriorityLevel, "", []string{"mac_tx_pfc_pri*_pkt_num"}, "ethernet/hisilicon/hns3/hns3pf/hclge_main.c: g_mac_stats_string"},
			{
				LookAlike, QueueLevel, "",
				[]string{"rxq*_l3l4_csum_err", "rxq*_errors", "rxq*_err_pkt_len", "rxq*_err_bd_num", "txq*_busy", "txq*_spare_full"},
				"ethernet/hisilicon/hns3/hns3_ethtool.c: hns3_rxq_stats, hns3_txq_stats; checksums, and descriptors of which the rest says what became",
			},
		},
	},
	{
		Names: []string{"hv_netvsc"},
		Note: "rx_no_memory is in no counter of /proc/net/dev. With accelerated networking most packets pass the virtual function beneath, and " +
			"its counters are that driver's. Azure's limits are counted nowhere on the host.",
		Counters: []DriverCounters{
			{AllocLoss, InterfaceLevel, "", []string{"rx_no_memory"}, "hyperv/netvsc_drv.c: netvsc_recv_callback"},
			{
				SendLoss, InterfaceLevel, "tx_dropped",
				[]string{"tx_no_memory", "tx_too_big", "tx_no_space"},
				"hyperv/netvsc_drv.c: netvsc_xmit",
			},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"vf_tx_dropped"}, "hyperv/netvsc_drv.c: netvsc_get_vf_stats"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{"tx_busy", "tx_send_full", "tx_scattered", "rx_comp_busy", "stop_queue", "wake_queue"},
				"hyperv/netvsc.c: a full send buffer is gone round, a completion is sent again; hyperv/netvsc_drv.c: a packet is sent again",
			},
			{LookAlike, QueueLevel, "", []string{"rx_queue_*_xdp_drop"}, "hyperv/netvsc_drv.c: netvsc_get_strings"},
		},
	},
	{
		Names: []string{"i40e"},
		Note: "rx_dropped is \"other errors\" since 6.1; before, and in Intel's own driver, it is what found no descriptor. veb.* is the switch inside " +
			"the adapter. Drops are counted for the port, not for a queue.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_missed_errors"}, "ethernet/intel/i40e/i40e_main.c: i40e_update_vsi_stats, GLV_RDPC"},
			{RingLoss, PortLevel, "", []string{"port.rx_discards", "port.rx_dropped"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats; rx_dropped in 2.3.2 of Intel's driver"},
			{AllocFailure, InterfaceLevel, "", []string{"rx_alloc_fail", "rx_pg_alloc_fail"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_misc_stats"},
			{
				WireLoss, PortLevel, "",
				[]string{
					"port.rx_crc_errors", "port.illegal_bytes", "port.rx_length_errors", "port.rx_undersize", "port.rx_fragments", "port.rx_oversize",
					"port.rx_jabber",
				},
				"ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats",
			},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_dropped"}, "ethernet/intel/i40e/i40e_main.c: i40e_update_vsi_stats"},
			{SendLoss, PortLevel, "", []string{"port.tx_dropped_link_down"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_errors"}, "ethernet/intel/i40e/i40e_main.c: i40e_update_vsi_stats"},
			{SendFault, PortLevel, "", []string{"port.tx_errors"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats"},
			{SendHang, PortLevel, "", []string{"port.tx_timeout"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats"},
			{PauseReceived, PortLevel, "", []string{"port.link_xoff_rx"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats"},
			{PauseReceived, PriorityLevel, "", []string{"port.rx_priority_*_xoff_rx", "port.rx_priority_*_xoff"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_pfc_stats"},
			{PauseSent, PortLevel, "", []string{"port.link_xoff_tx"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats"},
			{PauseSent, PriorityLevel, "", []string{"port.tx_priority_*_xoff_tx", "port.tx_priority_*_xoff"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_pfc_stats"},
			{LinkFault, PortLevel, "", []string{"port.mac_local_faults", "port.mac_remote_faults"}, "ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_stats"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"veb.rx_discards", "veb.tx_discards", "veb.tx_errors", "veb.rx_unknown_protocol", "rx_unknown_protocol", "port.rx_csum_bad", "tx_busy",
					"tx_linearize", "tx_restart", "rx_cache_busy", "port.arq_overflows", "port.fdir_flush_cnt", "port.tx_hwtstamp_timeouts",
				},
				"ethernet/intel/i40e/i40e_ethtool.c: i40e_gstrings_veb_stats, i40e_gstrings_misc_stats, i40e_gstrings_stats",
			},
		},
	},
	{
		Names: []string{"iavf", "i40evf"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"rx_discards"}, "ethernet/intel/iavf/iavf_ethtool.c: iavf_gstrings_stats"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_discards"}, "ethernet/intel/iavf/iavf_ethtool.c: iavf_gstrings_stats"},
			{SendFault, InterfaceLevel, "", []string{"tx_errors"}, "ethernet/intel/iavf/iavf_ethtool.c: iavf_gstrings_stats"},
			{LookAlike, InterfaceLevel, "", []string{"rx_unknown_protocol"}, "ethernet/intel/iavf/iavf_ethtool.c: iavf_gstrings_stats"},
		},
	},
	{
		Names: []string{"ice"},
		Note:  "rx_missed_errors is of the port, rx_dropped of this interface: the two overlap. Names that end in .nic are of the port.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"rx_dropped"}, "ethernet/intel/ice/ice_main.c: ice_update_vsi_stats, rx_discards of the VSI"},
			{RingLoss, PortLevel, "rx_missed_errors", []string{"rx_dropped.nic"}, "ethernet/intel/ice/ice_main.c: ice_update_vsi_stats, rx_discards of the port"},
			{AllocFailure, InterfaceLevel, "", []string{"rx_alloc_fail", "rx_pg_alloc_fail"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_vsi_stats"},
			{
				WireLoss, PortLevel, "rx_errors",
				[]string{"rx_crc_errors.nic", "illegal_bytes.nic", "rx_undersize.nic", "rx_fragments.nic", "rx_oversize.nic", "rx_jabber.nic"},
				"ethernet/intel/ice/ice_main.c: ice_update_vsi_stats",
			},
			{WireLoss, PortLevel, "", []string{"rx_length_errors.nic"}, "ethernet/intel/ice/ice_ethtool.c of 6.6: ice_gstrings_pf_stats"},
			{SendLoss, PortLevel, "", []string{"tx_dropped_link_down.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_pf_stats"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_errors"}, "ethernet/intel/ice/ice_main.c: ice_update_vsi_stats"},
			{SendFault, PortLevel, "", []string{"tx_errors.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_pf_stats"},
			{SendHang, PortLevel, "", []string{"tx_timeout.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_pf_stats"},
			{PauseReceived, PortLevel, "", []string{"link_xoff_rx.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_pf_stats"},
			{PauseReceived, PriorityLevel, "", []string{"rx_priority_*_xoff.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_get_strings"},
			{PauseSent, PortLevel, "", []string{"link_xoff_tx.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_pf_stats"},
			{PauseSent, PriorityLevel, "", []string{"tx_priority_*_xoff.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_get_strings"},
			{LinkFault, PortLevel, "", []string{"mac_local_faults.nic", "mac_remote_faults.nic"}, "ethernet/intel/ice/ice_ethtool.c: ice_gstrings_pf_stats"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"rx_csum_bad.nic", "rx_eipe_error.nic", "rx_unknown_protocol", "tx_busy", "tx_linearize", "tx_restart", "fdir_sb_status.nic",
					"tx_hwtstamp_timeouts", "tx_hwtstamp_skipped", "tx_hwtstamp_discarded",
				},
				"ethernet/intel/ice/ice_ethtool.c: ice_gstrings_vsi_stats, ice_gstrings_pf_stats",
			},
		},
	},
	{
		Names: []string{"igb"},
		Note:  "rx_fifo_errors holds rx_missed_errors and the drops of the queues: the three are never added up.",
		Counters: append(
			igb,
			DriverCounters{RingLoss, QueueLevel, "rx_fifo_errors", []string{"rx_queue_*_drops"}, "ethernet/intel/igb/igb_main.c: igb_update_stats, RQDPC"},
		),
	},
	{
		Names: []string{"igc"},
		Counters: append(
			igb,
			DriverCounters{RingLoss, QueueLevel, "rx_fifo_errors", []string{"rx_queue_*_drops"}, "ethernet/intel/igc/igc_main.c: igc_update_stats, RQDPC"},
			DriverCounters{LookAlike, InterfaceLevel, "", []string{"qbv_config_change_errors"}, "ethernet/intel/igc/igc_ethtool.c: igc_gstrings_stats"},
		),
	},
	{
		Names: []string{"ionic"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"hw_rx_dropped"}, "ethernet/pensando/ionic/ionic_lif.c: ionic_get_stats64"},
			{RingLoss, InterfaceLevel, "rx_over_errors", []string{"hw_rx_over_errors"}, "ethernet/pensando/ionic/ionic_lif.c: ionic_get_stats64, rx_queue_empty"},
			{RingLoss, PortLevel, "", []string{"frames_rx_dropped"}, "ethernet/pensando/ionic/ionic_stats.c: ionic_port_stats_desc"},
			{AllocFailure, QueueLevel, "", []string{"rx_*_alloc_err"}, "ethernet/pensando/ionic/ionic_stats.c: ionic_rx_stats_desc"},
			{
				WireLoss, PortLevel, "",
				[]string{"frames_rx_bad_fcs", "frames_rx_undersized", "frames_rx_oversized", "frames_rx_fragments", "frames_rx_jabber"},
				"ethernet/pensando/ionic/ionic_stats.c: ionic_port_stats_desc",
			},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"hw_tx_dropped"}, "ethernet/pensando/ionic/ionic_lif.c: ionic_get_stats64"},
			{SendFault, InterfaceLevel, "tx_aborted_errors", []string{"hw_tx_aborted_errors"}, "ethernet/pensando/ionic/ionic_lif.c: ionic_get_stats64"},
			{PauseReceived, PortLevel, "", []string{"frames_rx_pause", "frames_rx_pripause"}, "ethernet/pensando/ionic/ionic_stats.c: ionic_port_stats_desc"},
			{PauseSent, PortLevel, "", []string{"frames_tx_pause", "frames_tx_pripause"}, "ethernet/pensando/ionic/ionic_stats.c: ionic_port_stats_desc"},
			{LookAlike, QueueLevel, "", []string{"rx_*_xdp_drop", "rx_*_csum_error"}, "ethernet/pensando/ionic/ionic_stats.c: ionic_rx_stats_desc"},
		},
	},
	{
		Names: []string{"ixgbe"},
		Note:  "rx_dropped is always 0, and packets that found no descriptor are only in rx_no_dma_resources. The checksums of L3 and L4 are no fault of the wire.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_missed_errors"}, "ethernet/intel/ixgbe/ixgbe_main.c: ixgbe_update_stats, MPC"},
			{RingLoss, InterfaceLevel, "", []string{"rx_no_dma_resources"}, "ethernet/intel/ixgbe/ixgbe_main.c: ixgbe_update_stats, QPRDC"},
			{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"rx_over_errors", "rx_fifo_errors"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats"},
			{AllocFailure, InterfaceLevel, "", []string{"alloc_rx_page_failed", "alloc_rx_buff_failed"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats"},
			{
				WireLoss, InterfaceLevel, "rx_errors",
				[]string{"rx_crc_errors", "rx_frame_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
				"ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats",
			},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats"},
			{SendHang, InterfaceLevel, "", []string{"tx_timeout_count"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats"},
			{PauseReceived, InterfaceLevel, "", []string{"rx_flow_control_xoff"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats"},
			{PauseReceived, PriorityLevel, "", []string{"rx_pb_*_pxoff"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_get_strings"},
			{PauseSent, InterfaceLevel, "", []string{"tx_flow_control_xoff"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats"},
			{PauseSent, PriorityLevel, "", []string{"tx_pb_*_pxoff"}, "ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_get_strings"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"rx_no_buffer_count", "fdir_miss", "fdir_overflow", "rx_csum_offload_errors", "non_eop_descs", "tx_restart_queue", "tx_busy",
					"hw_rsc_aggregated", "hw_rsc_flushed", "tx_hwtstamp_timeouts", "tx_hwtstamp_skipped", "rx_fcoe_dropped", "fcoe_bad_fccrc",
				},
				"ethernet/intel/ixgbe/ixgbe_ethtool.c: ixgbe_gstrings_stats; rx_no_buffer_count is a loss only with 82598",
			},
		},
	},
	{
		Names: []string{"macb"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_over_errors", []string{"rx_resource_errors"}, "ethernet/cadence/macb.h: gem_statistics; macb_main.c: gem_get_stats"},
			{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"rx_overruns"}, "ethernet/cadence/macb.h: gem_statistics; macb_main.c: gem_get_stats"},
			{
				WireLoss, InterfaceLevel, "rx_errors",
				[]string{
					"rx_frame_check_sequence_errors", "rx_alignment_errors", "rx_oversize_frames", "rx_jabbers", "rx_undersized_frames",
					"rx_length_field_frame_errors",
				},
				"ethernet/cadence/macb.h: gem_statistics; macb_main.c: gem_get_stats",
			},
			{WireLoss, InterfaceLevel, "", []string{"rx_symbol_errors"}, "ethernet/cadence/macb.h: gem_statistics"},
			{
				SendFault, InterfaceLevel, "tx_errors",
				[]string{"tx_late_collisions", "tx_excessive_collisions", "tx_underrun", "tx_carrier_sense_errors"},
				"ethernet/cadence/macb.h: gem_statistics; macb_main.c: gem_get_stats",
			},
			{PauseReceived, InterfaceLevel, "", []string{"rx_pause_frames"}, "ethernet/cadence/macb.h: gem_statistics"},
			{PauseSent, InterfaceLevel, "", []string{"tx_pause_frames"}, "ethernet/cadence/macb.h: gem_statistics"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{"rx_ip_header_checksum_errors", "rx_tcp_checksum_errors", "rx_udp_checksum_errors", "tx_deferred_frames"},
				"ethernet/cadence/macb.h: gem_statistics",
			},
		},
	},
	{
		Names: []string{"mana"},
		Note:  "hc_rx_discards_no_wqe is in no counter of /proc/net/dev; rx_dropped is the driver's.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "", []string{"hc_rx_discards_no_wqe"}, "ethernet/microsoft/mana/mana_ethtool.c: mana_eth_stats"},
			{
				SendLoss, InterfaceLevel, "",
				[]string{
					"hc_tx_err_inval_oob", "hc_tx_err_inval_vportoffset_pkt", "hc_tx_err_mtu_violation", "hc_tx_err_gdma", "hc_tx_err_vport_disabled",
					"hc_tx_err_sa_enforcement", "hc_tx_err_vlan_enforcement", "hc_tx_err_eth_type_enforcement", "hc_tx_err_gf_disabled",
				},
				"ethernet/microsoft/mana/mana_ethtool.c: mana_eth_stats",
			},
			{SendLoss, QueueLevel, "", []string{"tx_*_mana_map_err"}, "ethernet/microsoft/mana/mana_ethtool.c: mana_get_strings"},
			{LookAlike, QueueLevel, "", []string{"rx_*_xdp_drop"}, "ethernet/microsoft/mana/mana_ethtool.c: mana_get_strings"},
			{LookAlike, InterfaceLevel, "", []string{"stop_queue", "wake_queue"}, "ethernet/microsoft/mana/mana_ethtool.c: mana_eth_stats"},
		},
	},
	{
		Names: []string{"mlx4_core", "mlx4_en"},
		Counters: []DriverCounters{
			{RingLoss, PortLevel, "rx_fifo_errors", []string{"rx_fifo_errors"}, "ethernet/mellanox/mlx4/en_port.c: RdropOvflw"},
			{RingLoss, PortLevel, "rx_dropped", []string{"rx_dropped"}, "ethernet/mellanox/mlx4/en_port.c: RDROP and those of the rings"},
			{RingLoss, QueueLevel, "rx_dropped", []string{"rx*_dropped"}, "ethernet/mellanox/mlx4/en_ethtool.c: mlx4_en_get_strings"},
			{RingLoss, PortLevel, "", []string{"rx_over_errors", "rx_missed_errors"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{
				WireLoss, PortLevel, "rx_errors",
				[]string{"rx_crc_errors", "rx_jabbers", "rx_in_range_length_error", "rx_out_range_length_error", "rx_length_errors"},
				"ethernet/mellanox/mlx4/en_port.c; en_ethtool.c: main_strings",
			},
			{SendLoss, PortLevel, "tx_dropped", []string{"tx_dropped"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{SendFault, PortLevel, "tx_errors", []string{"tx_errors"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{SendHang, InterfaceLevel, "", []string{"tx_timeout"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{PauseReceived, PortLevel, "", []string{"rx_pause"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{PauseReceived, PriorityLevel, "", []string{"rx_pause_prio_*"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{PauseSent, PortLevel, "", []string{"tx_pause"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{PauseSent, PriorityLevel, "", []string{"tx_pause_prio_*"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{LookAlike, InterfaceLevel, "", []string{"queue_stopped", "rx_xdp_drop", "rx_csum_none"}, "ethernet/mellanox/mlx4/en_ethtool.c: main_strings"},
			{LookAlike, QueueLevel, "", []string{"rx*_xdp_drop"}, "ethernet/mellanox/mlx4/en_ethtool.c: mlx4_en_get_strings"},
		},
	},
	{
		Names: []string{"mlx5_core"},
		Note: "rx_missed_errors is rx_out_of_buffer alone. rx_discards_phy, what the port dropped for the host or its PCIe was too slow, is in no counter of " +
			"/proc/net/dev; the priorities count the same packets.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_out_of_buffer"}, "ethernet/mellanox/mlx5/core/en_main.c: mlx5e_get_stats; mlx5/counters.rst"},
			{RingLoss, PortLevel, "", []string{"rx_discards_phy"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_2863_stats_desc; mlx5/counters.rst"},
			{
				RingLoss, PriorityLevel, "",
				[]string{"rx_prio*_discards", "rx_prio*_buf_discard", "rx_prio*_cong_discard"},
				"ethernet/mellanox/mlx5/core/en_stats.c: pport_per_prio_traffic_stats_desc, pport_per_tc_prio_stats_desc",
			},
			{RingLoss, InterfaceLevel, "", []string{"dev_internal_queue_oob", "dev_out_of_buffer"}, "ethernet/mellanox/mlx5/core/en_stats.c: vnic_env_stats_dev_oob_desc; mlx5/counters.rst"},
			{AllocFailure, InterfaceLevel, "", []string{"rx_buff_alloc_err"}, "ethernet/mellanox/mlx5/core/en_stats.c: sw_stats_desc"},
			{AllocFailure, QueueLevel, "", []string{"rx*_buff_alloc_err"}, "ethernet/mellanox/mlx5/core/en_stats.c: rq_stats_desc"},
			{
				WireLoss, PortLevel, "",
				[]string{
					"rx_crc_errors_phy", "rx_symbol_err_phy", "rx_pcs_symbol_err_phy", "rx_in_range_len_errors_phy", "rx_out_of_range_len_phy",
					"rx_oversize_pkts_phy", "rx_undersize_pkts_phy", "rx_fragments_phy", "rx_jabbers_phy", "rx_oversize_pkts_buffer",
				},
				"ethernet/mellanox/mlx5/core/en_stats.c: pport_802_3_stats_desc, pport_2819_stats_desc; mlx5/counters.rst",
			},
			{WireLoss, InterfaceLevel, "", []string{"rx_oversize_pkts_sw_drop"}, "ethernet/mellanox/mlx5/core/en_stats.c: sw_stats_desc"},
			{SendLoss, PortLevel, "", []string{"tx_discards_phy"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_2863_stats_desc; mlx5/counters.rst"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_queue_dropped"}, "ethernet/mellanox/mlx5/core/en_main.c: mlx5e_get_stats"},
			{SendLoss, QueueLevel, "tx_dropped", []string{"tx*_dropped"}, "ethernet/mellanox/mlx5/core/en_stats.c: sq_stats_desc"},
			{SendFault, PortLevel, "tx_errors", []string{"tx_errors_phy"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_2863_stats_desc"},
			{SendFault, InterfaceLevel, "", []string{"tx_cqe_err"}, "ethernet/mellanox/mlx5/core/en_stats.c: sw_stats_desc"},
			{PauseReceived, PortLevel, "", []string{"rx_pause_ctrl_phy", "rx_global_pause"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_802_3_stats_desc, pport_per_prio_pfc_stats_desc"},
			{PauseReceived, PriorityLevel, "", []string{"rx_prio*_pause"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_per_prio_pfc_stats_desc"},
			{PauseSent, PortLevel, "", []string{"tx_pause_ctrl_phy", "tx_global_pause"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_802_3_stats_desc, pport_per_prio_pfc_stats_desc"},
			{PauseSent, PriorityLevel, "", []string{"tx_prio*_pause"}, "ethernet/mellanox/mlx5/core/en_stats.c: pport_per_prio_pfc_stats_desc"},
			{LinkFault, PortLevel, "", []string{"link_down_events_phy"}, "ethernet/mellanox/mlx5/core/en_stats.c: mlx5e_stats_grp_phy_fill_strings; mlx5/counters.rst"},
			{
				LookAlike, PortLevel, "",
				[]string{
					"rx_steer_missed_packets", "rx_if_down_packets", "rx_corrected_bits_phy", "rx_buffer_passed_thres_phy", "rx_unsupported_op_phy",
					"tx_pause_storm_warning_events", "outbound_pci_stalled_rd", "outbound_pci_stalled_wr",
				},
				"mlx5/counters.rst; steer_missed is what no flow of this interface takes, such as that of another address",
			},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"rx_xdp_drop", "rx_csum_none", "rx_csum_unnecessary", "rx_csum_complete", "tx_queue_stopped", "tx_queue_wake",
					"rx_mpwqe_filler_cqes", "rx_pp_alloc_empty", "rx_wqe_err",
				},
				"ethernet/mellanox/mlx5/core/en_stats.c: sw_stats_desc; wqe_err also counts what a cleared queue gives back",
			},
			{LookAlike, InterfaceLevel, "", []string{"rx_cache_full", "rx*_cache_full"}, "ethernet/mellanox/mlx5/core/en_stats.c of 6.1: sw_stats_desc, rq_stats_desc"},
			{LookAlike, QueueLevel, "", []string{"rx*_xdp_drop", "tx*_stopped", "rx*_pp_alloc_empty", "rx*_wqe_err"}, "ethernet/mellanox/mlx5/core/en_stats.c: rq_stats_desc, sq_stats_desc"},
		},
	},
	{
		Names: []string{"mvneta"},
		Note:  "rx_discard and rx_overrun, what the adapter dropped, are in no counter of /proc/net/dev.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "", []string{"rx_discard", "rx_overrun"}, "ethernet/marvell/mvneta.c: mvneta_statistics"},
			{AllocLoss, InterfaceLevel, "rx_dropped", []string{"skb_alloc_errors"}, "ethernet/marvell/mvneta.c: mvneta_rx_swbm"},
			{AllocFailure, InterfaceLevel, "", []string{"refill_errors"}, "ethernet/marvell/mvneta.c: mvneta_statistics"},
			{
				WireLoss, InterfaceLevel, "",
				[]string{"bad_crc_event", "undersize_received", "fragments_received", "oversize_received", "jabber_received", "mac_receive_error"},
				"ethernet/marvell/mvneta.c: mvneta_statistics",
			},
			{SendFault, InterfaceLevel, "", []string{"internal_mac_transmit_err", "excessive_collision", "late_collision"}, "ethernet/marvell/mvneta.c: mvneta_statistics"},
			{PauseReceived, InterfaceLevel, "", []string{"good_fc_received"}, "ethernet/marvell/mvneta.c: mvneta_statistics"},
			{PauseSent, InterfaceLevel, "", []string{"fc_sent"}, "ethernet/marvell/mvneta.c: mvneta_statistics"},
			{LookAlike, InterfaceLevel, "", []string{"rx_xdp_drop", "eee_wakeup_errors"}, "ethernet/marvell/mvneta.c: mvneta_statistics"},
		},
	},
	{
		Names: []string{"mvpp2"},
		Note:  "What the adapter's queues dropped is in no counter of /proc/net/dev.",
		Counters: []DriverCounters{
			{
				RingLoss, QueueLevel, "",
				[]string{"rxq_*_queue_full_drops", "rxq_*_packets_early_drops", "rxq_*_packets_bm_drops"},
				"ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_rxq_regs",
			},
			{RingLoss, PortLevel, "", []string{"rx_fifo_overrun", "rx_fifo_or_parser_overrun_drops"}, "ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_mib_regs, mvpp2_ethtool_port_regs"},
			{
				WireLoss, PortLevel, "",
				[]string{"bad_crc_event", "undersize_received", "fragments_received", "oversize_received", "jabber_received", "mac_receive_error"},
				"ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_mib_regs",
			},
			{
				SendLoss, QueueLevel, "",
				[]string{"txq_*_queue_full_drops", "txq_*_packets_early_drops", "txq_*_packets_bm_drops"},
				"ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_txq_regs",
			},
			{SendFault, PortLevel, "", []string{"late_collision", "crc_errors_sent"}, "ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_mib_regs"},
			{PauseReceived, PortLevel, "", []string{"fc_received"}, "ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_mib_regs"},
			{PauseSent, PortLevel, "", []string{"fc_sent"}, "ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_mib_regs"},
			{LookAlike, PortLevel, "", []string{"rx_classifier_drops", "rx_xdp_drop"}, "ethernet/marvell/mvpp2/mvpp2_main.c: mvpp2_ethtool_port_regs; what no rule of the classifier takes"},
		},
	},
	{
		Names: []string{"nfp"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"dev_rx_discards"}, "ethernet/netronome/nfp/nfp_net_common.c: nfp_net_stat64"},
			{RingLoss, PortLevel, "", []string{"mac.rx_drop_events", "rx_drop_events"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_mac_et_stats"},
			{AllocLoss, InterfaceLevel, "", []string{"rx_replace_buf_alloc_fail"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_vnic_get_sw_stats_strings"},
			{
				WireLoss, PortLevel, "",
				[]string{
					"mac.rx_frame_check_sequence_errors", "mac.rx_alignment_errors", "mac.rx_frame_too_long_errors", "mac.rx_range_length_errors", "mac.rx_jabbers",
					"mac.rx_fragments", "mac.rx_undersize_pkts", "mac.rx_oversize_pkts",
					"rx_frame_check_sequence_errors", "rx_alignment_errors", "rx_frame_too_long_errors", "rx_range_length_errors",
				},
				"ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_mac_et_stats",
			},
			{WireLoss, InterfaceLevel, "rx_errors", []string{"dev_rx_errors"}, "ethernet/netronome/nfp/nfp_net_common.c: nfp_net_stat64"},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"dev_tx_discards"}, "ethernet/netronome/nfp/nfp_net_common.c: nfp_net_stat64"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"dev_tx_errors"}, "ethernet/netronome/nfp/nfp_net_common.c: nfp_net_stat64"},
			{PauseReceived, PortLevel, "", []string{"mac.rx_pause_mac_ctrl_frames"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_mac_et_stats"},
			{PauseReceived, PriorityLevel, "", []string{"mac.rx_pause_frames_class*"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_mac_et_stats"},
			{PauseSent, PortLevel, "", []string{"mac.tx_pause_mac_ctrl_frames"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_mac_et_stats"},
			{PauseSent, PriorityLevel, "", []string{"mac.tx_pause_frames_class*"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_mac_et_stats"},
			{LookAlike, InterfaceLevel, "", []string{"hw_rx_csum_err", "hw_tls_no_space", "tx_tls_drop_no_sync_data"}, "ethernet/netronome/nfp/nfp_net_ethtool.c: nfp_vnic_get_sw_stats_strings"},
		},
	},
	{
		Names: []string{"nicvf", "thunder-nicvf"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"rx_drops"}, "ethernet/cavium/thunder/nicvf_main.c: nicvf_get_stats64"},
			{RingLoss, InterfaceLevel, "", []string{"rx_drop_red", "rx_drop_overrun"}, "ethernet/cavium/thunder/nicvf_ethtool.c: nicvf_hw_stats; early drops before the queue is full, and those when it is"},
			{AllocFailure, InterfaceLevel, "", []string{"rcv_buffer_alloc_failures"}, "ethernet/cavium/thunder/nicvf_ethtool.c: nicvf_drv_stats"},
			{
				WireLoss, InterfaceLevel, "",
				[]string{"rx_fcs_errors", "rx_fcs_errs", "rx_jabber_errs", "rx_oversize", "rx_undersize", "rx_bgx_truncated_pkts", "rx_truncated_pkts"},
				"ethernet/cavium/thunder/nicvf_ethtool.c: nicvf_hw_stats, nicvf_drv_stats",
			},
			{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_drops"}, "ethernet/cavium/thunder/nicvf_main.c: nicvf_get_stats64"},
			{SendHang, InterfaceLevel, "", []string{"tx_timeout"}, "ethernet/cavium/thunder/nicvf_ethtool.c: nicvf_drv_stats"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"rx_drop_bcast", "rx_drop_mcast", "rx_drop_l3_bcast", "rx_drop_l3_mcast", "rx_drop_red_bytes", "rx_drop_overrun_bytes", "rx_ip_csum_errs",
					"rx_l4_csum_errs", "rx_l4_malformed", "rx_ip_ttl_errs", "txq_stop", "txq_wake",
				},
				"ethernet/cavium/thunder/nicvf_ethtool.c: nicvf_hw_stats, nicvf_drv_stats; filters, and packets that are malformed above the frame",
			},
		},
	},
	{
		Names: []string{"qede"},
		Note:  "brb_discards and brb_truncates are in no counter of /proc/net/dev.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"no_buff_discards"}, "ethernet/qlogic/qede/qede_main.c: qede_get_stats64"},
			{RingLoss, PortLevel, "", []string{"brb_discards", "brb_truncates"}, "ethernet/qlogic/qede/qede_ethtool.c: qede_stats_arr"},
			{AllocLoss, QueueLevel, "", []string{"*: rx_alloc_errors"}, "ethernet/qlogic/qede/qede_ethtool.c: qede_rqstats_arr"},
			{AllocLoss, InterfaceLevel, "", []string{"rx_alloc_errors"}, "ethernet/qlogic/qede/qede_ethtool.c of 4.x: qede_rqstats_arr"},
			{
				WireLoss, PortLevel, "",
				[]string{
					"rx_crc_errors", "rx_align_errors", "rx_carrier_errors", "rx_oversize_packets", "rx_jabbers", "rx_undersize_packets", "rx_fragments",
				},
				"ethernet/qlogic/qede/qede_ethtool.c: qede_stats_arr",
			},
			{SendLoss, InterfaceLevel, "", []string{"tx_err_drop_pkts"}, "ethernet/qlogic/qede/qede_ethtool.c: qede_stats_arr"},
			{SendLoss, QueueLevel, "", []string{"*: tx_mem_alloc_err"}, "ethernet/qlogic/qede/qede_ethtool.c: qede_tqstats_arr"},
			{PauseReceived, PortLevel, "", []string{"rx_pause_frames", "rx_pfc_frames"}, "ethernet/qlogic/qede/qede_ethtool.c: qede_stats_arr"},
			{PauseSent, PortLevel, "", []string{"tx_pause_frames", "tx_pfc_frames"}, "ethernet/qlogic/qede/qede_ethtool.c: qede_stats_arr"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"mac_filter_discards", "mftag_filter_discards", "gft_filter_drop", "ttl0_discard", "packet_too_big_discard", "coalesced_aborts_num",
					"*: xdp_no_pass", "*: rx_hw_errors", "*: stopped_cnt",
				},
				"ethernet/qlogic/qede/qede_ethtool.c: qede_stats_arr, qede_rqstats_arr; filters and checksums",
			},
		},
	},
	{
		Names: []string{"r8152"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "", []string{"rx_missed"}, "usb/r8152.c: rtl8152_gstrings"},
			{WireLoss, InterfaceLevel, "", []string{"align_errors", "rx_errors"}, "usb/r8152.c: rtl8152_gstrings"},
			{SendFault, InterfaceLevel, "", []string{"tx_errors", "tx_aborted", "tx_underrun"}, "usb/r8152.c: rtl8152_gstrings"},
		},
	},
	{
		Names: []string{"r8169"},
		Note:  "rx_missed has 16 bits, and begins again after 65,535.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_missed"}, "ethernet/realtek/r8169_main.c: rtl8169_gstrings, rtl8169_get_stats64"},
			{WireLoss, InterfaceLevel, "", []string{"align_errors", "rx_errors"}, "ethernet/realtek/r8169_main.c: rtl8169_gstrings"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_errors", "tx_aborted", "tx_underrun"}, "ethernet/realtek/r8169_main.c: rtl8169_gstrings, rtl8169_get_stats64"},
		},
	},
	{
		Names: []string{"sfc", "sfc_ef100"},
		Note:  "port_rx_nodesc_drops is of the port, and rises too while an application sets up its queues.",
		Counters: []DriverCounters{
			{RingLoss, PortLevel, "rx_dropped", []string{"port_rx_nodesc_drops"}, "ethernet/sfc/ef10.c: efx_ef10_update_stats_common"},
			{RingLoss, InterfaceLevel, "rx_dropped", []string{"rx_nodesc_trunc"}, "ethernet/sfc/ef10.c: efx_ef10_update_stats_common"},
			{RingLoss, PortLevel, "rx_fifo_errors", []string{"port_rx_overflow"}, "ethernet/sfc/ef10.c: efx_ef10_update_stats_common"},
			{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"rx_overflow"}, "ethernet/sfc/ef10.c: efx_ef10_update_stats_common"},
			{
				RingLoss, PortLevel, "",
				[]string{"port_rx_pm_discard_bb_overflow", "port_rx_pm_discard_vfifo_full", "port_rx_pm_trunc_bb_overflow", "port_rx_pm_trunc_vfifo_full"},
				"ethernet/sfc/ef10.c: efx_ef10_stat_desc",
			},
			{AllocLoss, InterfaceLevel, "rx_dropped", []string{"rx_noskb_drops"}, "ethernet/sfc/ef10.c: efx_ef10_update_stats_common"},
			{
				WireLoss, PortLevel, "rx_errors",
				[]string{"port_rx_bad", "port_rx_align_error", "port_rx_length_error", "port_rx_bad_gtjumbo"},
				"ethernet/sfc/ef10.c: efx_ef10_update_stats_common",
			},
			{WireLoss, InterfaceLevel, "", []string{"fec_uncorrected_errors", "rx_eth_crc_err"}, "ethernet/sfc/ef10.c: efx_ef10_stat_desc; ethtool_common.c: efx_sw_stat_desc"},
			{SendFault, InterfaceLevel, "tx_errors", []string{"tx_bad"}, "ethernet/sfc/ef10.c: efx_ef10_update_stats_common"},
			{SendFault, InterfaceLevel, "", []string{"tx_overflow"}, "ethernet/sfc/ef10.c: efx_ef10_stat_desc"},
			{PauseReceived, PortLevel, "", []string{"port_rx_pause"}, "ethernet/sfc/ef10.c: efx_ef10_stat_desc"},
			{PauseSent, PortLevel, "", []string{"port_tx_pause"}, "ethernet/sfc/ef10.c: efx_ef10_stat_desc"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"port_rx_pm_discard_mapping", "port_rx_dp_q_disabled_packets", "port_rx_dp_di_dropped_packets", "port_rx_dp_hlb_fetch",
					"port_rx_dp_hlb_wait", "rx_mcast_mismatch", "rx_xdp_drops", "rx_xdp_bad_drops", "fec_corrected_errors", "rx_tobe_disc",
				},
				"ethernet/sfc/ef10.c: efx_ef10_stat_desc; ethtool_common.c: efx_sw_stat_desc; di_dropped: for no queue, such as of a filter",
			},
		},
	},
	{
		Names: []string{"stmmac", "st_gmac", "dwmac-generic", "dwmac-sun8i", "rk_gmac-dwmac", "socfpga-dwmac", "meson8b-dwmac", "qcom-ethqos", "imx-dwmac", "intel-eth-pci"},
		Note:  "mmc_rx_fifo_overflow is in no counter of /proc/net/dev.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_missed_cntr"}, "ethernet/stmicro/stmmac/stmmac_main.c: stmmac_get_stats64"},
			{RingLoss, InterfaceLevel, "rx_over_errors", []string{"rx_overflow_cntr"}, "ethernet/stmicro/stmmac/stmmac_main.c: stmmac_get_stats64"},
			{RingLoss, InterfaceLevel, "", []string{"mmc_rx_fifo_overflow"}, "ethernet/stmicro/stmmac/stmmac_ethtool.c: stmmac_mmc"},
			{
				WireLoss, InterfaceLevel, "",
				[]string{
					"mmc_rx_crc_error", "mmc_rx_align_error", "mmc_rx_run_error", "mmc_rx_jabber_error", "mmc_rx_length_error", "mmc_rx_watchdog_error",
					"rx_crc_errors", "rx_watchdog",
				},
				"ethernet/stmicro/stmmac/stmmac_ethtool.c: stmmac_mmc, stmmac_gstrings_stats",
			},
			{
				SendFault, InterfaceLevel, "",
				[]string{"mmc_tx_underflow_error", "mmc_tx_carrier_error", "mmc_tx_latecol", "mmc_tx_exesscol", "tx_underflow", "tx_losscarrier"},
				"ethernet/stmicro/stmmac/stmmac_ethtool.c: stmmac_mmc, stmmac_gstrings_stats",
			},
			{PauseReceived, InterfaceLevel, "", []string{"mmc_rx_pause_frames"}, "ethernet/stmicro/stmmac/stmmac_ethtool.c: stmmac_mmc"},
			{PauseSent, InterfaceLevel, "", []string{"mmc_tx_pause_frame"}, "ethernet/stmicro/stmmac/stmmac_ethtool.c: stmmac_mmc"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"mmc_rx_ipv4_hderr", "mmc_rx_ipv6_hderr", "mmc_rx_udp_err", "mmc_rx_tcp_err", "mmc_rx_icmp_err", "ipc_csum_error", "ip_hdr_err", "ip_payload_err",
					"sa_filter_fail", "da_rx_filter_fail", "sa_rx_filter_fail", "timestamp_dropped", "phy_eee_wakeup_error_n", "rx_buf_unav_irq", "rx_overflow_irq",
				},
				"ethernet/stmicro/stmmac/stmmac_ethtool.c: stmmac_mmc, stmmac_gstrings_stats; filters, checksums above the frame, interrupts",
			},
		},
	},
	{
		Names: []string{"tg3"},
		Note:  "Some chips count mbuf_lwm_thresh_hit in rx_discards.",
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_discards"}, "ethernet/broadcom/tg3.c: tg3_get_nstats"},
			{RingLoss, InterfaceLevel, "", []string{"rxbds_empty"}, "ethernet/broadcom/tg3.c: ethtool_stats_keys; times that no descriptor was left"},
			{
				WireLoss, InterfaceLevel, "",
				[]string{
					"rx_fcs_errors", "rx_align_errors", "rx_frame_too_long_errors", "rx_jabbers", "rx_undersize_packets", "rx_in_length_errors",
					"rx_out_length_errors", "rx_fragments",
				},
				"ethernet/broadcom/tg3.c: ethtool_stats_keys, tg3_get_nstats",
			},
			{
				SendFault, InterfaceLevel, "tx_errors",
				[]string{"tx_errors", "tx_mac_errors", "tx_carrier_sense_errors", "tx_discards"},
				"ethernet/broadcom/tg3.c: tg3_get_nstats",
			},
			{SendFault, InterfaceLevel, "", []string{"tx_late_collisions", "tx_excessive_collisions"}, "ethernet/broadcom/tg3.c: ethtool_stats_keys"},
			{PauseReceived, InterfaceLevel, "", []string{"rx_xoff_pause_rcvd"}, "ethernet/broadcom/tg3.c: ethtool_stats_keys"},
			{PauseSent, InterfaceLevel, "", []string{"tx_xoff_sent"}, "ethernet/broadcom/tg3.c: ethtool_stats_keys"},
			{
				LookAlike, InterfaceLevel, "",
				[]string{
					"dma_writeq_full", "dma_write_prioq_full", "dma_readq_full", "dma_read_prioq_full", "tx_comp_queue_full", "rx_threshold_hit",
					"mbuf_lwm_thresh_hit", "nic_avoided_irqs", "rx_xoff_entered", "rx_xon_pause_rcvd", "tx_xon_sent", "tx_deferred",
				},
				"ethernet/broadcom/tg3.c: ethtool_stats_keys",
			},
		},
	},
	{
		Names: []string{"vif", "xen-netfront"},
		Note:  "The driver has one counter of its own, which is no loss; what it drops is in rx_errors and tx_dropped.",
		Counters: []DriverCounters{
			{LookAlike, InterfaceLevel, "", []string{"rx_gso_checksum_fixup"}, "xen-netfront.c: xennet_stats"},
		},
	},
	{
		Names: []string{"virtio_net"},
		Note: "A queue's drops hold what an XDP program dropped; rx_dropped is their sum. Names with hw_ are counted by the host of the virtual machine; " +
			"6.12 tells most of them by netlink, and not by ethtool.",
		Counters: []DriverCounters{
			{RingLoss, QueueLevel, "", []string{"rx*_hw_drop_overruns"}, "virtio_net.c: virtnet_stats_rx_basic_desc_qstat"},
			{AllowanceLoss, QueueLevel, "", []string{"rx*_hw_drop_ratelimits", "tx*_hw_drop_ratelimits"}, "virtio_net.c: virtnet_stats_rx_speed_desc_qstat, virtnet_stats_tx_speed_desc_qstat"},
			{SendLoss, QueueLevel, "", []string{"tx*_hw_drops"}, "virtio_net.c: virtnet_stats_tx_basic_desc_qstat"},
			{SendFault, QueueLevel, "", []string{"tx*_hw_drop_errors"}, "virtio_net.c: virtnet_stats_tx_basic_desc_qstat"},
			{SendHang, QueueLevel, "", []string{"tx*_tx_timeouts", "tx_queue_*_tx_timeouts", "tx_tx_timeouts"}, "virtio_net.c: virtnet_sq_stats_desc"},
			{
				LookAlike, QueueLevel, "rx_dropped", []string{"rx_queue_*_drops", "rx*_drops", "rx_drops"},
				"virtio_net.c: virtnet_stats; the driver's own drops, which nic-rx-dropped tells; of 6.1 and 6.12",
			},
			{
				LookAlike, QueueLevel, "",
				[]string{
					"rx_queue_*_xdp_drops", "rx*_xdp_drops", "tx_queue_*_xdp_tx_drops", "tx*_xdp_tx_drops", "rx_queue_*_kicks", "rx*_kicks", "rx*_hw_drops",
				},
				"virtio_net.c: virtnet_rq_stats_desc, virtnet_sq_stats_desc; hw_drops holds hw_drop_overruns, and what the host's rules drop",
			},
		},
	},
	{
		Names: []string{"vmxnet3"},
		Note:  "\"pkts rx OOB\", packets that found no buffer, is in no counter of /proc/net/dev.",
		Counters: []DriverCounters{
			{RingLoss, QueueLevel, "", []string{"Rx Queue#: */pkts rx OOB"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_rq_dev_stats, pktsRxOutOfBuf"},
			{AllocFailure, QueueLevel, "", []string{"Rx Queue#: */rx buf alloc fail"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_rq_driver_stats"},
			{WireLoss, QueueLevel, "rx_dropped", []string{"Rx Queue#: */drv dropped rx total/fcs"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_rq_driver_stats; vmxnet3_get_stats64"},
			{WireLoss, QueueLevel, "rx_errors", []string{"Rx Queue#: */pkts rx err"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_get_stats64"},
			{SendLoss, QueueLevel, "tx_dropped", []string{"Tx Queue#: */drv dropped tx total"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_get_stats64"},
			{SendLoss, QueueLevel, "", []string{"Tx Queue#: */pkts tx discard"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_tq_dev_stats"},
			{SendFault, QueueLevel, "tx_errors", []string{"Tx Queue#: */pkts tx err"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_get_stats64"},
			{SendHang, InterfaceLevel, "", []string{"tx timeout count"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_global_stats"},
			{LookAlike, QueueLevel, "rx_dropped", []string{"Rx Queue#: */drv dropped rx total"}, "vmxnet3/vmxnet3_ethtool.c: vmxnet3_get_stats64; the driver's own drops, which nic-rx-dropped tells"},
			{
				LookAlike, QueueLevel, "",
				[]string{
					"Tx Queue#: */ring full", "Tx Queue#: */hdr cloned", "Tx Queue#: */giant hdr", "Tx Queue#: */pkts linearized",
					"Tx Queue#: */drv dropped tx total/too many frags", "Tx Queue#: */drv dropped tx total/giant hdr",
					"Tx Queue#: */drv dropped tx total/hdr err", "Tx Queue#: */drv dropped tx total/tso", "Rx Queue#: */drv dropped rx total/err",
				},
				"vmxnet3/vmxnet3_ethtool.c: vmxnet3_tq_driver_stats, vmxnet3_rq_driver_stats; a full ring stops the queue, the others are parts of a sum",
			},
		},
	},
	{
		Names: []string{"xgbe", "amd-xgbe"},
		Counters: []DriverCounters{
			{RingLoss, InterfaceLevel, "rx_over_errors", []string{"rx_fifo_overflow_errors"}, "ethernet/amd/xgbe/xgbe-drv.c: xgbe_get_stats64"},
			{RingLoss, InterfaceLevel, "", []string{"rx_buffer_unavailable"}, "ethernet/amd/xgbe/xgbe-ethtool.c: xgbe_gstring_stats; times that no descriptor was left"},
			{
				WireLoss, InterfaceLevel, "rx_errors",
				[]string{
					"rx_crc_errors", "rx_crc_errors_small_packets", "rx_crc_errors_giant_packets", "rx_undersize_packets", "rx_oversize_packets",
					"rx_length_errors", "rx_out_of_range_errors", "rx_watchdog_errors",
				},
				"ethernet/amd/xgbe/xgbe-ethtool.c: xgbe_gstring_stats; xgbe-drv.c: xgbe_get_stats64",
			},
			{SendFault, InterfaceLevel, "", []string{"tx_underflow_errors"}, "ethernet/amd/xgbe/xgbe-ethtool.c: xgbe_gstring_stats"},
			{PauseReceived, InterfaceLevel, "", []string{"rx_pause_frames"}, "ethernet/amd/xgbe/xgbe-ethtool.c: xgbe_gstring_stats"},
			{PauseSent, InterfaceLevel, "", []string{"tx_pause_frames"}, "ethernet/amd/xgbe/xgbe-ethtool.c: xgbe_gstring_stats"},
			{LookAlike, InterfaceLevel, "", []string{"rx_csum_errors", "rx_vxlan_csum_errors"}, "ethernet/amd/xgbe/xgbe-ethtool.c: xgbe_gstring_stats"},
		},
	},
}

// e1000 is what e1000 and e1000e have in common.
var e1000 = []DriverCounters{
	{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_missed_errors"}, "ethernet/intel/e1000e/netdev.c: e1000e_get_stats64, MPC; ethernet/intel/e1000/e1000_main.c: e1000_update_stats"},
	{RingLoss, InterfaceLevel, "", []string{"rx_over_errors"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{AllocFailure, InterfaceLevel, "", []string{"alloc_rx_buff_failed", "rx_dma_failed"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{
		WireLoss, InterfaceLevel, "rx_errors",
		[]string{"rx_crc_errors", "rx_frame_errors", "rx_align_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		"ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats",
	},
	{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_dropped"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{SendLoss, InterfaceLevel, "", []string{"tx_dma_failed"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{SendFault, InterfaceLevel, "tx_errors", []string{"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_window_errors", "tx_abort_late_coll"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{SendHang, InterfaceLevel, "", []string{"tx_timeout_count"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{PauseReceived, InterfaceLevel, "", []string{"rx_flow_control_xoff"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{PauseSent, InterfaceLevel, "", []string{"tx_flow_control_xoff"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
	{LookAlike, InterfaceLevel, "", []string{"rx_csum_offload_errors", "dropped_smbus", "tx_tcp_seg_failed", "tx_deferred_ok"}, "ethernet/intel/e1000e/ethtool.c: e1000_gstrings_stats"},
}

// igb is what igb and igc have in common.
var igb = []DriverCounters{
	{RingLoss, InterfaceLevel, "rx_missed_errors", []string{"rx_missed_errors"}, "ethernet/intel/igb/igb_main.c: igb_update_stats, MPC; ethernet/intel/igc/igc_main.c: igc_update_stats"},
	{RingLoss, InterfaceLevel, "rx_fifo_errors", []string{"rx_fifo_errors"}, "ethernet/intel/igb/igb_main.c: igb_update_stats"},
	{AllocFailure, QueueLevel, "", []string{"rx_queue_*_alloc_failed"}, "ethernet/intel/igb/igb_ethtool.c: igb_get_strings; ethernet/intel/igc/igc_ethtool.c: igc_ethtool_get_strings"},
	{
		WireLoss, InterfaceLevel, "rx_errors",
		[]string{"rx_crc_errors", "rx_align_errors", "rx_frame_errors", "rx_length_errors", "rx_long_length_errors", "rx_short_length_errors"},
		"ethernet/intel/igb/igb_ethtool.c: igb_gstrings_stats; ethernet/intel/igc/igc_ethtool.c: igc_gstrings_stats",
	},
	{SendLoss, InterfaceLevel, "tx_dropped", []string{"tx_dropped"}, "ethernet/intel/igb/igb_ethtool.c: igb_gstrings_net_stats"},
	{SendFault, InterfaceLevel, "tx_errors", []string{"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_window_errors", "tx_abort_late_coll"}, "ethernet/intel/igb/igb_ethtool.c: igb_gstrings_stats"},
	{SendHang, InterfaceLevel, "", []string{"tx_timeout_count"}, "ethernet/intel/igb/igb_ethtool.c: igb_gstrings_stats"},
	{PauseReceived, InterfaceLevel, "", []string{"rx_flow_control_xoff"}, "ethernet/intel/igb/igb_ethtool.c: igb_gstrings_stats"},
	{PauseSent, InterfaceLevel, "", []string{"tx_flow_control_xoff"}, "ethernet/intel/igb/igb_ethtool.c: igb_gstrings_stats"},
	{
		LookAlike, InterfaceLevel, "",
		[]string{
			"rx_no_buffer_count", "dropped_smbus", "tx_tcp_seg_failed", "tx_dma_out_of_sync", "tx_deferred_ok", "tx_hwtstamp_timeouts",
			"tx_hwtstamp_skipped", "rx_queue_*_csum_err",
		},
		"ethernet/intel/igb/igb_ethtool.c: igb_gstrings_stats; rx_no_buffer_count: the frame waits in the adapter, and is in rx_missed_errors if it is lost",
	},
}
