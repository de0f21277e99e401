// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
)

// A frame is a packet with what the kernel knows beside it.
type frame struct {
	kind  uint32 // PACKET_HOST and so on
	proto uint32 // EtherType
	vlan  uint32 // tag control information taken out of the frame
	link  []byte // link header
	data  []byte // from the network header on
}

// The kernel's, of <linux/filter.h>.
const (
	netOff = 0xfff00000
	extOff = 0xfffff000
)

// emulate rewrites a program for the VM of x/net/bpf, which has neither
// SKF_NET_OFF nor the extensions. What the extensions tell is put in front of
// the packet.
func emulate(t testing.TB, program []bpf.RawInstruction, link int) *bpf.VM {
	t.Helper()
	const meta = 12
	var all []bpf.Instruction
	for _, raw := range program {
		ins := raw.Disassemble()
		switch l := ins.(type) {
		case bpf.LoadExtension:
			at, ok := map[bpf.Extension]uint32{bpf.ExtType: 0, bpf.ExtProto: 4, bpf.ExtVLANTag: 8}[l.Num]
			if !ok {
				t.Fatalf("extension %d is not emulated", l.Num)
			}
			ins = bpf.LoadAbsolute{Off: at, Size: 4}
		case bpf.LoadAbsolute:
			if l.Off >= netOff {
				l.Off += uint32(link) - netOff
			}
			l.Off += meta
			ins = l
		case bpf.LoadIndirect:
			if l.Off >= netOff {
				l.Off += uint32(link) - netOff
			}
			l.Off += meta
			ins = l
		case bpf.RawInstruction, bpf.LoadMemShift:
			t.Fatalf("instruction %v is not known to the test", raw)
		}
		all = append(all, ins)
	}
	vm, err := bpf.NewVM(all)
	if err != nil {
		t.Fatalf("not a valid program: %v", err)
	}
	return vm
}

func run(t testing.TB, vm *bpf.VM, f frame) int {
	t.Helper()
	var b []byte
	for _, x := range []uint32{f.kind, f.proto, f.vlan} {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	n, err := vm.Run(append(append(b, f.link...), f.data...))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
