/* Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE. */

/* gen IFNAME DST_MAC SRC_IP DST_IP FRAME_BYTES FRAMES_PER_SECOND MILLISECONDS FLOWS PIECES
 * sends frames of IPv4 protocol 253 in batches of 64, as fast as it can if the
 * rate is 0, otherwise paced by busy waiting. FLOWS is the number of source
 * addresses, counted up from SRC_IP. With more than one PIECE each datagram is
 * sent as that many fragments, in order, each a frame of FRAME_BYTES; the last
 * one may be shorter. */
#include "common.h"

/* fragments makes datagrams of the first frames of a batch, and returns their
 * number. */
static int fragments(uint8_t buf[][2048], struct iovec *iov, int size, int pieces, const uint8_t *src, const uint8_t *dst, uint16_t *id)
{
	int n = BATCH / pieces, room = (size - 34) & ~7;

	for (int i = 0; i < n * pieces; i++) {
		int k = i % pieces, off = k * room, len = room;
		uint8_t *ip = buf[i] + 14;
		uint16_t field, sum;

		if (k == 0)
			++*id;
		if (off + len > 65515)
			len = 65515 - off;
		iov[i].iov_len = 34 + len;
		ip_header(ip, 20 + len, src, dst);
		field = off / 8 | (k < pieces - 1 ? 0x2000 : 0);
		ip[4] = *id >> 8;
		ip[5] = *id;
		ip[6] = field >> 8;
		ip[7] = field;
		ip[10] = ip[11] = 0;
		sum = ip_checksum(ip, 20);
		ip[10] = sum >> 8;
		ip[11] = sum;
	}
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t buf[BATCH][2048];
	static struct mmsghdr m[BATCH];
	static struct iovec iov[BATCH];
	uint8_t mac[6], own[6], src[4], dst[4];
	uint64_t start, end, sent = 0, datagrams = 0, refused = 0;
	uint32_t first, flow = 0;
	int fd, one = 1, size, flows, pieces, batch = BATCH;
	uint16_t id = 0;
	double rate;

	if (argc != 10)
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
	pieces = atoi(argv[9]);
	memcpy(&first, src, 4);
	first = ntohl(first);
	if (size < 34 || size > 2048 || flows < 1 || pieces < 1 || pieces > BATCH || ((size - 34) & ~7) * (pieces - 1) >= 65515)
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

		if (pieces > 1)
			batch = pieces * fragments(buf, iov, size, pieces, src, dst, &id);
		else if (flows > 1)
			for (int i = 0; i < BATCH; i++) {
				uint32_t a = htonl(first + flow);

				flow = flow + 1 < (uint32_t)flows ? flow + 1 : 0;
				ip_header(buf[i] + 14, size - 14, (uint8_t *)&a, dst);
			}
		if (rate > 0)
			while (now_ns() < start + (uint64_t)(sent * 1e9 / rate))
				;
		while (done < batch) {
			int n = sendmmsg(fd, m + done, batch - done, 0);

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
		datagrams += done / pieces;
	}
	printf("{\"packets\":%lu,\"frames\":%lu,\"refused\":%lu,\"ns\":%lu}\n", datagrams, sent, refused, now_ns() - start);
	return 0;
}
