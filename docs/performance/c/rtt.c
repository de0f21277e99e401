/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* rtt DST_IP COUNT: sends ICMP echo requests one after the other and prints
 * quantiles of the round trip in microseconds. An answer that takes more than a
 * second counts as lost. */
#include "common.h"

static int less(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

int main(int argc, char **argv)
{
	int fd, count, n = 0, lost = 0;
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval tv = { .tv_sec = 1 };
	uint8_t req[64] = { 8 }, buf[2048];
	double *us;

	if (argc != 3)
		return 2;
	count = atoi(argv[2]);
	us = calloc(count + 1, sizeof(*us));
	parse_ip(argv[1], (uint8_t *)&to.sin_addr);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	if (fd < 0)
		fail("socket(SOCK_RAW)");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	req[4] = 0x70;
	ready();
	/* The first hundred warm up: what the responder has to find out about this
	 * host, it does then. A pause follows, as questions come after pauses. */
	for (int i = -100; i < count && !stopped; i++) {
		uint64_t start;
		uint16_t sum;

		if (i == 0)
			usleep(100000);
		req[6] = i >> 8;
		req[7] = i;
		req[2] = req[3] = 0;
		sum = ip_checksum(req, sizeof(req));
		req[2] = sum >> 8;
		req[3] = sum;
		start = now_ns();
		if (sendto(fd, req, sizeof(req), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			fail("sendto");
		for (;;) {
			int got = recv(fd, buf, sizeof(buf), 0);

			if (got < 0) {
				lost++;
				break;
			}
			if (got < 28 || buf[20] != 0 || memcmp(buf + 24, req + 4, 4))
				continue;
			if (i >= 0)
				us[n++] = (now_ns() - start) / 1e3;
			break;
		}
	}
	qsort(us, n, sizeof(*us), less);
	if (!n)
		n = 1;
	printf("{\"packets\":%d,\"lost\":%d,\"min\":%.2f,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f}\n",
	       n, lost, us[0], us[n / 2], us[n * 9 / 10], us[n * 99 / 100], us[n * 999 / 1000], us[n - 1]);
	return 0;
}
