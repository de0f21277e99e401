/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* What the reference programs share. Each of them prints "ready" when it is
 * set up, works until SIGTERM, and then prints its figures as one JSON object. */
#ifndef COMMON_H
#define COMMON_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64 /* unless told otherwise */
#define MAX_BATCH 1024
#define PROTO 253
#define RCVBUF (16 << 20)

static volatile sig_atomic_t stopped;

static void on_term(int sig) { (void)sig; stopped = 1; }

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ready tells the harness to begin. SIGTERM interrupts blocking calls. */
static inline void ready(void)
{
	struct sigaction sa = { .sa_handler = on_term };

	sigaction(SIGTERM, &sa, NULL);
	signal(SIGUSR1, SIG_IGN);
	puts("ready");
	fflush(stdout);
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + ts.tv_nsec;
}

/* packet_socket opens a packet socket that receives nothing until it is bound. */
static inline int packet_socket(int type)
{
	int fd = socket(AF_PACKET, type, 0);

	if (fd < 0)
		fail("socket(AF_PACKET)");
	return fd;
}

static inline void bind_packet(int fd, const char *ifname, int protocol)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };

	ll.sll_ifindex = if_nametoindex(ifname);
	if (!ll.sll_ifindex)
		fail(ifname);
	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		fail("bind");
}

/* accept_proto attaches a filter for IPv4 protocol 253, as our transport has one. */
static inline void accept_proto(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROTO, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		fail("SO_ATTACH_FILTER");
}

static inline void big_buffer(int fd)
{
	int n = RCVBUF;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &n, sizeof(n)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
}

static inline uint16_t ip_checksum(const uint8_t *p, int n)
{
	uint32_t sum = 0;

	for (int i = 0; i < n; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* ip_header builds an IPv4 header with DF for a packet of len bytes. */
static inline void ip_header(uint8_t *p, int len, const uint8_t src[4], const uint8_t dst[4])
{
	uint16_t sum;

	memset(p, 0, 20);
	p[0] = 0x45;
	p[2] = len >> 8;
	p[3] = len;
	p[6] = 0x40;
	p[8] = 64;
	p[9] = PROTO;
	memcpy(p + 12, src, 4);
	memcpy(p + 16, dst, 4);
	sum = ip_checksum(p, 20);
	p[10] = sum >> 8;
	p[11] = sum;
}

static inline void parse_ip(const char *s, uint8_t out[4])
{
	if (inet_pton(AF_INET, s, out) != 1) {
		fprintf(stderr, "bad address %s\n", s);
		exit(2);
	}
}

static inline void parse_mac(const char *s, uint8_t m[6])
{
	unsigned v[6];

	if (sscanf(s, "%x:%x:%x:%x:%x:%x", v, v + 1, v + 2, v + 3, v + 4, v + 5) != 6) {
		fprintf(stderr, "bad hardware address %s\n", s);
		exit(2);
	}
	for (int i = 0; i < 6; i++)
		m[i] = v[i];
}

/* own_mac reads the hardware address of an interface. */
static inline void own_mac(int fd, const char *ifname, uint8_t m[6])
{
	struct ifreq r = { 0 };

	strncpy(r.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &r))
		fail("SIOCGIFHWADDR");
	memcpy(m, r.ifr_hwaddr.sa_data, 6);
}
#endif
