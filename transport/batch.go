// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

// A Batch holds slots lent by a queue's Reserve, in the order in which they
// will be sent. The zero value is ready for use. A batch belongs to one queue
// as long as it holds slots.
type Batch struct {
	Slots []Slot
}

// A Slot is room for one packet to be sent.
type Slot struct {
	// Data is the packet from its IP header on. Reserve returns it with
	// length 0 and a capacity of at least Caps.MaxPacket; the caller extends
	// it within that capacity and must not replace it by other memory. The
	// memory holds whatever was there before.
	Data []byte

	// IfIndex is the interface to send through; 0 leaves it to the route.
	IfIndex int32

	// Frag says what may be done if the packet is larger than the path
	// carries. It counts where Caps.Fragments is set; elsewhere such a packet is
	// refused. Where the header is included, its DF flag is sent as it is.
	Frag FragMode

	// Stamp asks for an event of kind PacketSent, named by Cookie.
	Stamp bool

	// Cookie names the packet in events about it.
	Cookie uint64

	// Ref belongs to the transport.
	Ref uint64
}

// FragMode says what may be done with a packet larger than the path carries:
// the modes of IP_MTU_DISCOVER in ip(7) and of IPV6_MTU_DISCOVER.
type FragMode uint8

// The modes.
const (
	FragAuto  FragMode = iota // IP_PMTUDISC_WANT: the sender may fragment, routers may not
	FragAllow                 // IP_PMTUDISC_DONT: the sender may fragment, and so may routers
	FragNever                 // IP_PMTUDISC_DO: nobody may; too big is an error
	FragProbe                 // IP_PMTUDISC_PROBE: as FragNever, and the known path MTU is not looked at
)

// Append adds a slot with this memory. It is for transports.
//
// The slot is filled in where it is: one that is made elsewhere and then copied waits
// for its parts to get to the cache.
func (b *Batch) Append(data []byte, ref uint64) {
	b.Slots = append(b.Slots, Slot{})
	s := &b.Slots[len(b.Slots)-1]
	s.Data, s.Ref = data, ref
}

// Drop takes the first packet out of the batch, so that the next one becomes
// the first; its slot goes back with the next Commit.
func (b *Batch) Drop() {
	s := b.Slots[0]
	copy(b.Slots, b.Slots[1:])
	b.Slots[len(b.Slots)-1] = s
}

// Shift removes the first n slots. It is for transports, which call it for
// what Commit took.
func (b *Batch) Shift(n int) {
	m := copy(b.Slots, b.Slots[n:])
	clear(b.Slots[m:])
	b.Slots = b.Slots[:m]
}

// Truncate removes all slots from n on. It is for transports, which call it
// for the unused slots that Commit takes back.
func (b *Batch) Truncate(n int) {
	clear(b.Slots[n:])
	b.Slots = b.Slots[:n]
}
