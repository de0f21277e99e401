// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

// bufferSize returns the size of a receive buffer that holds the packets of
// 50 ms at the given rate, or 0 for the system's default.
func bufferSize(rcvBuf, rate, mtu int) int {
	switch {
	case rcvBuf > 0:
		return rcvBuf
	case rcvBuf < 0 || rate < 0:
		return 0
	}
	const least, most = 1 << 18, 1 << 26
	packets := min(rate, 1<<31-1) / 20
	return max(least, min(packets, most/trueSize(mtu))*trueSize(mtu))
}

// trueSize is what the kernel charges a receive buffer for a packet: struct
// sk_buff, and data in a block of a power of two that also holds the headroom
// and struct skb_shared_info.
func trueSize(mtu int) int {
	block := 1024
	for mtu = min(mtu, 1<<16); block < mtu+448; block *= 2 {
	}
	return 256 + block
}
