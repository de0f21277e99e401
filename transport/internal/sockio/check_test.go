// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"testing"

	"protean/proto/wire"
	"protean/transport"
)

// FuzzCheck compares with the validation of received packets: whatever Check
// passes must be a packet there, and as long.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})                  // the shortest IPv4 packet
	f.Add([]byte{0x46, 0, 0, 24, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x94, 4, 0, 0})   // router alert
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 1, 253, 64}, make([]byte, 33)...))                            // one byte over IPv6
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 0, 0, 64}, make([]byte, 32)...))                              // a jumbogram
	f.Add([]byte{0x45, 0, 0, 21, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})                  // one byte is missing
	f.Add([]byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0})               // one byte too many
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 8, 60, 64}, append(make([]byte, 32), 253, 0, 1, 4, 0, 0)...)) // a cut extension header
	f.Fuzz(func(t *testing.T, b []byte) {
		var p transport.Packet
		got := Check(b)
		want := p.Load(b, transport.Arrival{Flags: transport.FlagHeaderVerified})
		switch {
		case got == wire.NotMalformed && want != wire.NotMalformed && !(b[0]>>4 == 6 && wire.IsExtension(b[6])):
			t.Errorf("Check passes what Load refuses: %v", want)
		case got == wire.NotMalformed && want == wire.NotMalformed && len(p.Data) != len(b):
			t.Errorf("Check passes %d bytes of which the packet has %d", len(b), len(p.Data))
		case got != wire.NotMalformed && want == wire.NotMalformed && len(p.Data) == len(b):
			t.Errorf("Check refuses a good packet: %v", got)
		}
	})
}
