// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import "testing"

func TestBufferSizesFollowRateAndMTU(t *testing.T) {
	for _, c := range []struct{ rcvBuf, rate, mtu, want int }{
		{0, 50_000, 1500, 2500 * 2304},
		{0, 100_000, 1500, 5000 * 2304},
		{0, 50_000, 9000, 2500 * (256 + 16384)},
		{0, 1, 1500, 1 << 18},
		{0, 1<<31 - 1, 1500, 1 << 26 / 2304 * 2304},
		{0, 1<<31 - 1, 65536, 1 << 26 / (256 + 131072) * (256 + 131072)},
		{0, -1, 1500, 0},
		{-1, 50_000, 1500, 0},
		{4096, -1, 1500, 4096},
	} {
		if got := bufferSize(c.rcvBuf, c.rate, c.mtu); got != c.want {
			t.Errorf("bufferSize(%d, %d, %d) = %d, want %d", c.rcvBuf, c.rate, c.mtu, got, c.want)
		}
	}
}
