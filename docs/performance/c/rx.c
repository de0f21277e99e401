/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* rx v3|v3touched IFNAME [BLOCK_KIB BLOCKS TIMEOUT_MS]
 * rx packet|raw IFNAME [BATCH BUFFER_BYTES]: receives IPv4 protocol 253: by a
 * TPACKET_V3 ring, whose memory is touched before or not, by recvmmsg on a packet
 * socket, or on a raw socket. For every packet version, lengths and protocol are
 * checked, and a function is called through a pointer; the header checksum is
 * not, so that this is the least that a receiver can do. */
#include "common.h"

static uint64_t packets, bytes, bad;
static volatile uint8_t seen;

static void handle(const uint8_t *payload, int len)
{
	packets++;
	bytes += len;
	if (len)
		seen = payload[0];
}

static void (*volatile handler)(const uint8_t *, int) = handle;

static inline void packet(const uint8_t *p, int n)
{
	int hl, len;

	if (n < 20 || p[0] >> 4 != 4)
		goto bad;
	hl = (p[0] & 15) * 4;
	len = p[2] << 8 | p[3];
	if (hl < 20 || len < hl || len > n || p[9] != PROTO)
		goto bad;
	handler(p + hl, len - hl);
	return;
bad:
	bad++;
}

/* touch reads from each page, so that the first packets there need not wait for
 * whoever has to enter it into a page table. */
static void touch(volatile uint8_t *mem, size_t size)
{
	for (size_t at = 0; at < size; at += 4096)
		(void)mem[at];
}

static void ring(const char *ifname, int block, int blocks, int timeout, int touched)
{
	int fd = packet_socket(SOCK_RAW), version = TPACKET_V3, at = 0;
	struct tpacket_req3 req = {
		.tp_block_size = block, .tp_block_nr = blocks, .tp_frame_size = 2048,
		.tp_frame_nr = block / 2048 * blocks, .tp_retire_blk_tov = timeout,
	};
	uint8_t *mem;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)))
		fail("PACKET_VERSION");
	accept_proto(fd);
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		fail("PACKET_RX_RING");
	mem = mmap(NULL, (size_t)block * blocks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	if (touched)
		touch(mem, (size_t)block * blocks);
	bind_packet(fd, ifname, ETH_P_IP);
	ready();
	while (!stopped) {
		struct tpacket_block_desc *b = (void *)(mem + (size_t)at * block);
		struct tpacket3_hdr *h;
		struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLERR };

		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
			poll(&pfd, 1, -1);
			continue;
		}
		h = (void *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
		for (unsigned i = b->hdr.bh1.num_pkts; i > 0; i--) {
			packet((uint8_t *)h + h->tp_net, h->tp_snaplen - (h->tp_net - h->tp_mac));
			h = (void *)((uint8_t *)h + h->tp_next_offset);
		}
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		at = (at + 1) % blocks;
	}
	struct tpacket_stats_v3 st;
	socklen_t sl = sizeof(st);
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &sl);
	printf("{\"packets\":%lu,\"bytes\":%lu,\"bad\":%lu,\"lost\":%u}\n", packets, bytes, bad, st.tp_drops);
}

static void messages(int fd, int skip, int batch, int size)
{
	static struct mmsghdr m[MAX_BATCH];
	static struct iovec iov[MAX_BATCH];
	uint8_t *buf = malloc((size_t)batch * size);

	if (!buf)
		fail("malloc");
	for (int i = 0; i < batch; i++) {
		iov[i] = (struct iovec){ buf + (size_t)i * size, size };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	ready();
	while (!stopped) {
		int n = recvmmsg(fd, m, batch, MSG_WAITFORONE, NULL);

		for (int i = 0; i < n; i++)
			packet((uint8_t *)iov[i].iov_base + skip, m[i].msg_len - skip);
	}
	printf("{\"packets\":%lu,\"bytes\":%lu,\"bad\":%lu}\n", packets, bytes, bad);
}

int main(int argc, char **argv)
{
	int fd, batch, size;

	if (argc < 3)
		return 2;
	batch = argc > 3 ? atoi(argv[3]) : BATCH;
	size = argc > 4 ? atoi(argv[4]) : 2048;
	if (!strcmp(argv[1], "v3") || !strcmp(argv[1], "v3touched")) {
		int block = (argc > 3 ? atoi(argv[3]) : 1024) << 10;

		ring(argv[2], block, argc > 4 ? atoi(argv[4]) : 16, argc > 5 ? atoi(argv[5]) : 10,
		     argv[1][2] != 0);
		return 0;
	}
	if (batch < 1 || batch > MAX_BATCH || size < 64)
		return 2;
	if (!strcmp(argv[1], "packet")) {
		fd = packet_socket(SOCK_RAW);
		accept_proto(fd);
		big_buffer(fd);
		bind_packet(fd, argv[2], ETH_P_IP);
		messages(fd, 14, batch, size);
		return 0;
	}
	fd = socket(AF_INET, SOCK_RAW, PROTO);
	if (fd < 0)
		fail("socket(SOCK_RAW)");
	big_buffer(fd);
	messages(fd, 0, batch, size);
	return 0;
}
