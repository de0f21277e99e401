/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* walk LEN BLOCKS LAPS: walks TPACKET_V3 blocks of 1 MiB that it has filled
 * itself, no kernel involved, and prints CPU nanoseconds per frame. For every
 * frame it finds the network header, checks version, lengths and protocol, and
 * calls a function through a pointer: the least a receiver can do. Refilling a
 * block means to set its status again. go test -bench Walk ./ring does the same in Go. */
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <linux/if_ether.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define BLOCK (1 << 20)
static uint64_t packets, bytes;
static volatile uint8_t seen;
static void handle(const uint8_t *p, int n) { packets++; bytes += n; if (n) seen = p[0]; }
static void (*volatile handler)(const uint8_t *, int) = handle;

static double cpu(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int len = atoi(argv[1]), blocks = atoi(argv[2]), laps = atoi(argv[3]), per = 0;
	uint8_t *mem = mmap(NULL, (size_t)BLOCK * blocks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int step = (82 + len + 15) & ~15;

	for (int b = 0; b < blocks; b++) {
		uint8_t *p = mem + (size_t)b * BLOCK;
		struct tpacket_block_desc *d = (void *)p;
		int off = 48;

		per = 0;
		d->hdr.bh1.offset_to_first_pkt = off;
		for (; off + step <= BLOCK; off += step, per++) {
			struct tpacket3_hdr *h = (void *)(p + off);
			uint8_t *ip = p + off + 96;

			h->tp_next_offset = step;
			h->tp_snaplen = h->tp_len = len;
			h->tp_mac = 82;
			h->tp_net = 96;
			h->tp_status = 1;
			ip[0] = 0x45; ip[2] = (len - 14) >> 8; ip[3] = len - 14; ip[9] = 253;
		}
		d->hdr.bh1.num_pkts = per;
	}
	double t0 = cpu();
	for (int l = 0; l < laps; l++)
		for (int i = 0; i < blocks; i++) {
			struct tpacket_block_desc *b = (void *)(mem + (size_t)i * BLOCK);
			struct tpacket3_hdr *h;

			__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_USER, __ATOMIC_RELEASE);
			if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
				abort();
			h = (void *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
			for (unsigned n = b->hdr.bh1.num_pkts; n > 0; n--) {
				const uint8_t *p = (uint8_t *)h + h->tp_net;
				int have = h->tp_snaplen - (h->tp_net - h->tp_mac), hl, tl;

				if (have >= 20 && p[0] >> 4 == 4) {
					hl = (p[0] & 15) * 4;
					tl = p[2] << 8 | p[3];
					if (hl >= 20 && tl >= hl && tl <= have && p[9] == 253)
						handler(p + hl, tl - hl);
				}
				h = (void *)((uint8_t *)h + h->tp_next_offset);
			}
			__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		}
	printf("%.2f ns/frame (%lu frames)\n", (cpu() - t0) / packets, packets);
	return packets != (uint64_t)laps * blocks * per;
}
