// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

// Layouts of <linux/if_packet.h>, by their names there. All fields are in the
// machine's byte order except where it says otherwise. Offsets are from the
// start of the structure.

// struct tpacket2_hdr, at the start of each frame of a TPACKET_V2 ring.
const (
	v2Status  = 0  // tp_status
	v2Len     = 4  // tp_len
	v2Snaplen = 8  // tp_snaplen
	v2Mac     = 12 // tp_mac, 16 bits
	v2Net     = 14 // tp_net, 16 bits
	v2Sec     = 16 // tp_sec
	v2Nsec    = 20 // tp_nsec
	v2TCI     = 24 // tp_vlan_tci, 16 bits
	v2TPID    = 26 // tp_vlan_tpid, 16 bits
	v2Size    = 32 // sizeof, aligned to TPACKET_ALIGNMENT
)

// struct tpacket3_hdr, at the start of each frame in a block of a TPACKET_V3
// ring.
const (
	v3Next    = 0  // tp_next_offset
	v3Sec     = 4  // tp_sec
	v3Nsec    = 8  // tp_nsec
	v3Snaplen = 12 // tp_snaplen
	v3Len     = 16 // tp_len
	v3Status  = 20 // tp_status
	v3Mac     = 24 // tp_mac, 16 bits
	v3Net     = 26 // tp_net, 16 bits
	v3Hash    = 28 // hv1.tp_rxhash
	v3TCI     = 32 // hv1.tp_vlan_tci
	v3TPID    = 36 // hv1.tp_vlan_tpid, 16 bits
	v3Size    = 48 // sizeof
)

// struct tpacket_block_desc with struct tpacket_hdr_v1, at the start of each
// block of a TPACKET_V3 ring.
const (
	blockStatus = 8  // block_status
	blockNum    = 12 // num_pkts
	blockFirst  = 16 // offset_to_first_pkt
	blockLen    = 20 // blk_len
	blockSeq    = 24 // seq_num, 64 bits
	blockSize   = 48 // sizeof
)

// struct sockaddr_ll, behind the header of a received frame.
const (
	llProtocol = 2  // sll_protocol, 16 bits in network byte order
	llIfindex  = 4  // sll_ifindex
	llHatype   = 8  // sll_hatype, 16 bits
	llPkttype  = 10 // sll_pkttype, 8 bits
	llHalen    = 11 // sll_halen, 8 bits
	llAddr     = 12 // sll_addr, 8 bytes
	llSize     = 20 // sizeof
)

// Bits of tp_status of a received frame, and of block_status.
const (
	StatusUser          = 1 << 0  // TP_STATUS_USER: it is ours
	StatusCopy          = 1 << 1  // TP_STATUS_COPY: the whole packet waits in the socket's queue
	StatusLosing        = 1 << 2  // TP_STATUS_LOSING: packets were dropped since statistics were read
	StatusCsumNotReady  = 1 << 3  // TP_STATUS_CSUMNOTREADY: the sender leaves the checksum to its device
	StatusVLANValid     = 1 << 4  // TP_STATUS_VLAN_VALID
	StatusBlockTimeout  = 1 << 5  // TP_STATUS_BLK_TMO
	StatusVLANTPIDValid = 1 << 6  // TP_STATUS_VLAN_TPID_VALID
	StatusCsumValid     = 1 << 7  // TP_STATUS_CSUM_VALID
	StatusGSOTCP        = 1 << 8  // TP_STATUS_GSO_TCP: several segments in one frame
	StatusTSSoftware    = 1 << 29 // TP_STATUS_TS_SOFTWARE
	StatusTSRawHardware = 1 << 31 // TP_STATUS_TS_RAW_HARDWARE
)

// Values of tp_status of a frame to be sent; the others are time stamps' bits.
const (
	txAvailable   = 0 // TP_STATUS_AVAILABLE
	txRequest     = 1 // TP_STATUS_SEND_REQUEST
	txSending     = 2 // TP_STATUS_SENDING
	txWrongFormat = 4 // TP_STATUS_WRONG_FORMAT
	txMask        = 7
)

// txData is where the data of a frame to be sent starts in a TPACKET_V2 ring:
// TPACKET2_HDRLEN less a struct sockaddr_ll (tpacket_fill_skb in
// net/packet/af_packet.c).
const txData = v2Size

const (
	alignment = 16 // TPACKET_ALIGNMENT

	// head2 and head3 are the sizes of a received frame's header with its
	// sockaddr_ll: TPACKET2_HDRLEN and TPACKET3_HDRLEN.
	head2 = v2Size + llSize
	head3 = v3Size + llSize
)

// fillHash is TP_FT_REQ_FILL_RXHASH of tp_feature_req_word.
const fillHash = 1

// Versions of a ring, for PACKET_VERSION.
const (
	versionV2 = 1 // TPACKET_V2
	versionV3 = 2 // TPACKET_V3
)
