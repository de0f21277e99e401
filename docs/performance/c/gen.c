/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* gen IFNAME DST_MAC SRC_IP DST_IP FRAME_BYTES PACKETS_PER_SECOND MILLISECONDS FLOWS
 * sends frames of IPv4 protocol 253 in batches of 64, as fast as it can if the
 * rate is 0, otherwise paced by busy waiting. FLOWS is the number of source
 * addresses, counted up from SRC_IP. */
#include "common.h"

int main(int argc, char **argv)
{
	static uint8_t buf[BATCH][2048];
	static struct mmsghdr m[BATCH];
	static struct iovec iov[BATCH];
	uint8_t mac[6], own[6], src[4], dst[4];
	uint64_t start, end, sent = 0, refused = 0;
	uint32_t first, flow = 0;
	int fd, one = 1, size, flows;
	double rate;

	if (argc != 9)
		return 2;
	fd = packet_socket(SOCK_RAW);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	bind_packet(fd, argv[1], 0);
	own_mac(fd, argv[1], own);
	parse_mac(argv[2], mac);
	parse_ip(argv[3], src);
	parse_ip(argv[4], dst);
	size = atoi(argv[5]);
	rate = atof(argv[6]);
	flows = atoi(argv[8]);
	memcpy(&first, src, 4);
	first = ntohl(first);
	if (size < 34 || size > 2048 || flows < 1)
		return 2;
	for (int i = 0; i < BATCH; i++) {
		memcpy(buf[i], mac, 6);
		memcpy(buf[i] + 6, own, 6);
		buf[i][12] = 8;
		buf[i][13] = 0;
		ip_header(buf[i] + 14, size - 14, src, dst);
		iov[i] = (struct iovec){ buf[i], size };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	ready();
	start = now_ns();
	end = start + strtoull(argv[7], NULL, 10) * 1000000u;
	while (!stopped && now_ns() < end) {
		int done = 0;

		if (flows > 1)
			for (int i = 0; i < BATCH; i++) {
				uint32_t a = htonl(first + flow);

				flow = flow + 1 < (uint32_t)flows ? flow + 1 : 0;
				ip_header(buf[i] + 14, size - 14, (uint8_t *)&a, dst);
			}
		if (rate > 0)
			while (now_ns() < start + (uint64_t)(sent * 1e9 / rate))
				;
		while (done < BATCH) {
			int n = sendmmsg(fd, m + done, BATCH - done, 0);

			if (n <= 0) {
				if (errno == EINTR)
					break;
				refused++;
				if (errno != ENOBUFS && errno != EAGAIN)
					fail("sendmmsg");
				continue;
			}
			done += n;
		}
		sent += done;
	}
	printf("{\"packets\":%lu,\"refused\":%lu,\"ns\":%lu}\n", sent, refused, now_ns() - start);
	return 0;
}
