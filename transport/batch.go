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

	// Stamp asks for an event of kind PacketSent, named by Cookie.
	Stamp bool

	// Cookie names the packet in events about it.
	Cookie uint64

	// Ref belongs to the transport.
	Ref uint64
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
