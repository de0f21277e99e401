/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* echo MODE IFNAME: answers ICMP echo requests until SIGTERM. MODE is raw (a raw
 * socket), packet (recv on a packet socket) or v2 (a TPACKET_V2 ring, answered
 * through a second packet socket). */
#include "common.h"

static uint64_t echoes;

/* answer turns a request of n bytes into its reply, or returns 0. */
static int answer(uint8_t *ip, int n)
{
	uint8_t a[4];
	int hl = (ip[0] & 15) * 4, sum;

	if (n < 28 || ip[9] != 1 || n < hl + 8 || ip[hl] != 8)
		return 0;
	n = ip[2] << 8 | ip[3];
	memcpy(a, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, a, 4);
	ip[hl] = 0;
	/* RFC 1624: type 8 becomes 0. */
	sum = (ip[hl + 2] << 8 | ip[hl + 3]) + 0x800;
	sum = (sum & 0xffff) + (sum >> 16);
	ip[hl + 2] = sum >> 8;
	ip[hl + 3] = sum;
	echoes++;
	return n;
}

static void swap_macs(uint8_t *p)
{
	uint8_t m[6];

	memcpy(m, p, 6);
	memcpy(p, p + 6, 6);
	memcpy(p + 6, m, 6);
}

static void raw(void)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint8_t buf[2048];

	if (fd < 0)
		fail("socket(SOCK_RAW)");
	ready();
	while (!stopped) {
		struct sockaddr_in from;
		socklen_t fl = sizeof(from);
		int n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &fl);
		int hl = (buf[0] & 15) * 4;

		if (n > 0 && (n = answer(buf, n)))
			sendto(fd, buf + hl, n - hl, 0, (struct sockaddr *)&from, fl);
	}
}

static void packet(const char *ifname)
{
	int fd = packet_socket(SOCK_RAW);
	uint8_t buf[2048];

	bind_packet(fd, ifname, ETH_P_IP);
	ready();
	while (!stopped) {
		int n = recv(fd, buf, sizeof(buf), 0);

		if (n > 14 && (n = answer(buf + 14, n - 14))) {
			swap_macs(buf);
			send(fd, buf, n + 14, 0);
		}
	}
}

static void ring(const char *ifname)
{
	int fd = packet_socket(SOCK_RAW), out = packet_socket(SOCK_RAW), version = TPACKET_V2, frames = 1024, at = 0;
	struct tpacket_req req = { .tp_block_size = 1 << 16, .tp_frame_size = 2048,
				   .tp_block_nr = frames / 32, .tp_frame_nr = frames };
	uint8_t *mem;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)))
		fail("PACKET_VERSION");
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		fail("PACKET_RX_RING");
	mem = mmap(NULL, (size_t)frames * 2048, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	bind_packet(fd, ifname, ETH_P_IP);
	bind_packet(out, ifname, 0);
	ready();
	while (!stopped) {
		struct tpacket2_hdr *h = (void *)(mem + (size_t)at * 2048);
		struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLERR };
		uint8_t *p;
		int n;

		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
			poll(&pfd, 1, -1);
			continue;
		}
		p = (uint8_t *)h + h->tp_mac;
		if ((n = answer(p + 14, h->tp_snaplen - 14))) {
			swap_macs(p);
			send(out, p, n + 14, 0);
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		at = (at + 1) % frames;
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "raw"))
		raw();
	else if (!strcmp(argv[1], "packet"))
		packet(argv[2]);
	else
		ring(argv[2]);
	printf("{\"packets\":%lu}\n", echoes);
	return 0;
}
