// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// TestTheKernelStampsWhereTheHardwareDoesNot asks a veth pair, which has no
// clock, for its stamps.
func TestTheKernelStampsWhereTheHardwareDoesNot(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		for _, hardware := range []bool{false, true} {
			tr := open(t, b, Config{Ring: r, HardwareTime: hardware}, 253)
			before := time.Now()
			w.write(w.peer, typeIPv4, between(a, b, false, nil))
			p := receive(t, tr, 1)[0]
			if p.TimeSource() != transport.TimeKernel || p.Time().Before(before) || p.Time().After(time.Now()) {
				t.Errorf("hardware asked for %v: stamp %v of %v, sent at %v", hardware, p.Time(), p.TimeSource(), before)
			}
		}
	})
}

// TestHardwareStampsAreTold reads the control messages and status bits of a
// device with a clock.
func TestHardwareStampsAreTold(t *testing.T) {
	ne := binary.NativeEndian
	message := func(level, kind int, data []byte) []byte {
		b := make([]byte, unix.CmsgSpace(len(data)))
		h := unix.Cmsghdr{Level: int32(level), Type: int32(kind)}
		h.SetLen(unix.CmsgLen(len(data)))
		if _, err := binary.Encode(b, ne, h); err != nil {
			t.Fatal(err)
		}
		copy(b[unix.CmsgLen(0):], data)
		return b
	}
	soft := make([]byte, 16)
	ne.PutUint64(soft, 1000)
	hard := make([]byte, sizeofStamps)
	aux := make([]byte, sizeofAuxdata)
	ne.PutUint32(aux, unix.TP_STATUS_USER)
	for _, stamp := range []uint64{0, 77} {
		ne.PutUint64(hard[hardwareStamp:], stamp)
		var b []byte
		b = append(b, message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, soft)...)
		b = append(b, message(unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, hard)...)
		b = append(b, message(unix.SOL_PACKET, unix.PACKET_AUXDATA, aux)...)
		if len(b) > recvControl {
			t.Errorf("%d bytes of control messages, and room for %d", len(b), recvControl)
		}
		var f frame
		f.parse(b)
		got := fmt.Sprint(f.time, f.flags()&transport.TimeSource(3).Flag() == transport.TimeHardware.Flag())
		want := "1000000000000 false"
		if stamp != 0 {
			want = "77000000000 true"
		}
		if got != want {
			t.Errorf("hardware stamp of %d s: %s, want %s", stamp, got, want)
		}
	}
}
