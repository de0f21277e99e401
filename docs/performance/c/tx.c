/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* tx MODE IFNAME DST_MAC SRC_IP DST_IP FRAME_BYTES [BATCH]: sends IPv4 protocol 253 as
 * fast as it can until SIGTERM. MODE is packet (sendmmsg on a packet socket),
 * ring (PACKET_TX_RING, TPACKET_V2), raw (sendmmsg on a raw socket with
 * IP_HDRINCL), or kernel (sendmmsg on a raw socket without, for which the kernel
 * builds headers, and cuts what is larger than the MTU). Each packet's header is
 * written anew, as a sender's would be. */
#include "common.h"

static uint8_t mac[6], own[6], src[4], dst[4];
static int size, batch = BATCH;
static uint64_t sent;

static void frame(uint8_t *p)
{
	memcpy(p, mac, 6);
	memcpy(p + 6, own, 6);
	p[12] = 8;
	p[13] = 0;
	ip_header(p + 14, size - 14, src, dst);
	memcpy(p + 34, &sent, 8);
}

/* skip is how much of a frame the kernel builds. */
static void messages(int fd, int skip)
{
	static struct mmsghdr m[MAX_BATCH];
	static struct iovec iov[MAX_BATCH];
	struct sockaddr_in to = { .sin_family = AF_INET };
	int stride = size < 2048 ? 2048 : size + 64;
	uint8_t *buf = calloc(batch, stride);

	if (!buf)
		fail("calloc");

	memcpy(&to.sin_addr, dst, 4);
	for (int i = 0; i < batch; i++) {
		iov[i] = (struct iovec){ buf + (size_t)i * stride + skip, size - skip };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		if (skip) {
			m[i].msg_hdr.msg_name = &to;
			m[i].msg_hdr.msg_namelen = sizeof(to);
		}
	}
	ready();
	while (!stopped) {
		int done = 0;

		for (int i = 0; i < batch; i++)
			frame(buf + (size_t)i * stride);
		while (done < batch && !stopped) {
			int n = sendmmsg(fd, m + done, batch - done, 0);

			if (n > 0)
				done += n;
			else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
				fail("sendmmsg");
		}
		sent += done;
	}
}

static void ring(int fd)
{
	int version = TPACKET_V2, frames = 1024, at = 0;
	struct tpacket_req req = { .tp_block_size = 1 << 16, .tp_frame_size = 2048,
				   .tp_block_nr = frames / 32, .tp_frame_nr = frames };
	uint8_t *mem;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)))
		fail("PACKET_VERSION");
	if (setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)))
		fail("PACKET_TX_RING");
	mem = mmap(NULL, (size_t)frames * 2048, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	ready();
	while (!stopped) {
		int n = 0;

		for (; n < batch; n++) {
			struct tpacket2_hdr *h = (void *)(mem + (size_t)at * 2048);

			if (__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & 7)
				break;
			frame((uint8_t *)h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll));
			h->tp_len = size;
			__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
			at = (at + 1) % frames;
			sent++;
		}
		if (sendto(fd, NULL, 0, n ? MSG_DONTWAIT : 0, NULL, 0) < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			fail("sendto");
	}
}

int main(int argc, char **argv)
{
	int fd, one = 1, skip = 0;

	if (argc < 7)
		return 2;
	if (!strcmp(argv[1], "raw"))
		skip = 14;
	if (!strcmp(argv[1], "kernel"))
		skip = 34;
	fd = packet_socket(SOCK_RAW);
	bind_packet(fd, argv[2], 0);
	own_mac(fd, argv[2], own);
	parse_mac(argv[3], mac);
	parse_ip(argv[4], src);
	parse_ip(argv[5], dst);
	size = atoi(argv[6]);
	if (argc > 7)
		batch = atoi(argv[7]);
	if (size < 42 || size > (skip == 34 ? 65535 + 14 : 1514) || batch < 1 || batch > MAX_BATCH)
		return 2;
	if (skip) {
		close(fd);
		fd = socket(AF_INET, SOCK_RAW, skip == 14 ? IPPROTO_RAW : PROTO);
		if (fd < 0)
			fail("socket(SOCK_RAW)");
	} else {
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	}
	if (!strcmp(argv[1], "ring"))
		ring(fd);
	else
		messages(fd, skip);
	printf("{\"packets\":%lu}\n", sent);
	return 0;
}
