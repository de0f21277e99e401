// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import "protean/transport"

// A mutant is a fault of mem, the subtest that must find it, and a part of
// what that must say. Several mutants may have one fault, with one change of
// Caps.
type mutant struct {
	fault, subtest, says string
	change               func(*transport.Caps)
}

func notForeign(c *transport.Caps) { c.Foreign = false }
func fragments(c *transport.Caps)  { c.Fragments, c.MaxPacket = true, 8000 }
func sendOnly(c *transport.Caps)   { c.SendOnly = true }

func mutants() []mutant {
	return []mutant{
		{"Caps change", "Caps are plausible and constant", "Caps have changed", nil},
		{"Interfaces lends its own slice", "Interfaces are plausible and belong to the caller", "has changed the transport's", nil},
		{"Recv of a sender says nothing", "Recv says that the transport only sends", "want an *UnsupportedError", sendOnly},
		{"Bind accepts protocol 0", "Bind refuses what is not a protocol", "want a *ProtocolError", nil},
		{"AnyProtocol is refused as a protocol", "Bind of AnyProtocol is refused", "want an *UnsupportedError", notForeign},

		{"Queues are made anew", "Queues are fixed", "Queues returned", nil},
		{"counts one too many", "Recv returns at once when nothing is waiting", "calls of Deliver", nil},

		{"loses a Wake before Wait", "a Wake before Wait is not lost", "stuck", nil},
		{"a Wake does not end the Wait in progress", "a Wake ends the Wait in progress", "stuck", nil},
		{"a Wake lasts for ever", "a Wake does not last for ever", "for nothing", nil},
		{"Wake blocks", "no Wake is lost however many there are", "stuck", nil},
		{"Wait does not wait", "Wait returns when its time has passed", "for nothing", nil},
		{"Wait ignores its time", "Wait returns when its time has passed", "stuck", nil},
		{"a Wait that times out fails", "Wait returns when its time has passed", "i/o timeout", nil},
		{"a Wait with a past time fails", "IPv4/Wait with a past time does not hide ready data", "i/o timeout", nil},
		{"Wait only returns for what is new", "IPv6/Wait returns for packets that a limited Recv left", "stuck", nil},

		{"Wait with a time sleeps", "IPv4/Wait with a future time returns for data that is ready", "stuck", nil},
		{"a packet does not end Wait", "IPv4/Wait without a time returns for a packet", "stuck", nil},
		{"a timeout lasts", "IPv6/Wait returns for a packet after it timed out", "for nothing", nil},
		{"Commit waits for Wait", "IPv4/packets are sent while another goroutine waits", "stuck", nil},

		{"changes the TTL", "IPv4/a received packet is what was sent", "TTL is", nil},
		{"names the wrong interface", "IPv6/a received packet is what was sent", "interface is 77", nil},
		{"time is in microseconds", "IPv4/a received packet is what was sent", "arrival time is", nil},
		{"cannot send options", "IPv4/options and extension headers are sent", "Commit of 1 good", nil},
		{"cannot send options", "IPv6/options and extension headers are sent", "Commit of 1 good", nil},
		{"changes the TTL", "IPv4/options and extension headers are received", "TTL is", nil},
		{"names the wrong interface", "IPv6/a packet without payload is received", "interface is 77", nil},
		{"sends twice", "IPv4/a sent packet arrives as it was given", "packets were delivered", nil},
		{"sends twice", "IPv4/a packet can be sent through a named interface", "packets were delivered", nil},
		{"delivers packets backwards", "IPv4/many packets are received once and in order", "in order", nil},
		{"cuts large packets", "IPv6/the largest packet of the link is received", "stuck", nil},
		{"loses packets without payload", "IPv6/a packet without payload is sent", "stuck", nil},
		{"packets share memory", "IPv4/a sink may overwrite a packet", "payload of packet", nil},
		{"does not cut padding off", "IPv4/a received packet is what was sent", "bytes of", nil},
		{"sends out of order", "IPv4/many packets are sent once and in order", "in order", nil},
		{"sends twice", "IPv6/many packets are sent once and in order", "packets were delivered", nil},
		{"loses a packet now and then", "IPv4/many packets are sent once and in order", "stuck", nil},

		{"ignores the limit", "IPv4/Recv keeps what is above its limit", "with limit 1 delivered", nil},
		{"delivers one packet with limit 0", "IPv6/Recv with a limit below one delivers no packet", "with limit 0 delivered", nil},
		{"Recv waits for as many as its limit", "IPv4/Recv with a large limit returns when nothing is waiting", "stuck", nil},
		{"counts one too many", "IPv4/Recv keeps what is above its limit", "calls of Deliver", nil},

		{"delivers before Bind", "IPv4/nothing is delivered before Bind", "were delivered", nil},
		{"delivers every protocol", "IPv4/only the bound protocol is delivered", "were delivered", nil},
		{"binds one protocol at a time", "IPv6/several protocols are delivered side by side", "stuck", nil},
		{"Bind takes effect with the next Wait", "IPv4/Bind takes effect while a queue waits", "stuck", nil},
		{"Unbind waits for Wait", "IPv4/Unbind does not wait for the end of Wait", "stuck", nil},
		{"does not bind again", "IPv4/a protocol can be bound again", "stuck", nil},
		{"AnyProtocol brings nothing", "IPv6/AnyProtocol brings every protocol", "stuck", nil},
		{"Unbind in Deliver is ignored", "IPv4/Unbind from within Deliver ends delivery with that Recv", "after an Unbind in Deliver", nil},
		{"Bind counts", "IPv4/Bind is idempotent", "delivered packets", nil},
		{"delivers after Unbind", "IPv6/nothing is delivered after Unbind", "were delivered", nil},
		{"Unbind does not stop a Recv", "IPv4/Unbind ends a Recv in progress", "deliveries began after", nil},
		{"Bind waits for Recv", "IPv4/Bind, Unbind, Wake and Interfaces may be called from within Deliver", "stuck", nil},
		{"Commit waits for Recv", "IPv4/packets can be sent from within Deliver", "stuck", nil},

		{"repeats a packet after a panic", "IPv4/a panic in Deliver passes through and loses or repeats no packet", "delivered packets", nil},
		{"loses packets after a panic", "IPv6/a panic in Deliver passes through and loses or repeats no packet", "stuck", nil},
		{"frees a packet with the panic", "IPv4/a panic in Deliver passes through and loses or repeats no packet", "valid until the next Recv", nil},
		{"swallows a panic", "IPv4/a panic in Deliver passes through and loses or repeats no packet", "after 1 calls of Deliver", nil},
		{"a panic leaves a lock held", "IPv4/a transport works after a panic in Deliver", "stuck", nil},
		{"does not count a panic's packet", "IPv6/a transport works after a panic in Deliver", "counted as delivered", nil},
		{"drops without counting", "IPv4/counters of received packets add up", "but", nil},

		{"Reserve of nothing appends a slot", "IPv4/Reserve of less than one slot appends nothing", "appended 1 slots", nil},
		{"Reserve appends too many", "IPv4/Reserve appends empty slots of full size", "Reserve of 1 appended 2", nil},
		{"slots share memory", "IPv4/Reserve appends empty slots of full size", "shares memory", nil},
		{"slots are too small", "IPv4/Reserve appends empty slots of full size", "capacity 1000", nil},
		{"slots are not empty", "IPv4/Reserve appends empty slots of full size", "length 20", nil},
		{"ErrNoSlots is another error", "IPv4/slots given back can be reserved again", "no slots", nil},
		{"does not take unused slots back", "IPv4/slots given back can be reserved again", "can be reserved after", nil},
		{"slots of sent packets are lost", "IPv4/slots come back after their packets are sent", "stuck", nil},
		{"room is not reported", "IPv4/Wait returns when there are slots again", "stuck", nil},

		{"Commit sends the whole batch", "IPv4/Commit sends the first packets and takes the other slots back", "says that it sent 3", nil},
		{"Commit sends the whole batch", "IPv6/dropping every packet of a batch leaves nothing to send", "says that it sent", nil},
		{"leaves unused slots behind a refused packet", "IPv4/Commit takes slots back behind a packet that it refuses", "slots in the batch", nil},
		{"takes packets of any size", "IPv4/a packet above Caps.MaxPacket is refused as too big", "Commit took", nil},
		{"refuses what it should fragment", "IPv4/a packet above the MTU is sent in fragments", "Commit of 1 good", fragments},
		{"takes no packet as large as the MTU", "IPv6/the largest packet of the link is sent", "Commit of 1 good", nil},
		{"does not count refused packets", "IPv4/counters of sent packets add up", "the counters say", nil},
		{"drops malformed packets in silence", "IPv6/a malformed packet at the head is refused and the rest can be sent", "Commit took a packet", nil},
		{"takes the refused packet out of the batch", "IPv4/a malformed packet in the middle is refused and the rest can be sent", "slots in the batch", nil},
		{"hides the error", "IPv4/a malformed packet at the end is refused and the rest is sent", "with error <nil>", nil},
		{"too big is another error", "IPv4/a packet above the MTU is refused as too big", "want a *TooBigError", nil},
		{"too big names no size", "IPv6/a packet above the MTU is refused as too big", "returned Size 0", nil},

		{"stamps come after packets", "IPv4/a transmit stamp comes before the reply to its packet", "came after its reply", nil},
		{"stamps everything", "IPv6/a transmit stamp comes only when asked for", "nobody asked for", nil},

		{"Close does not end Wait", "IPv4/Close ends the calls of all goroutines", "stuck", nil},
		{"Close does not wait for Recv", "IPv4/Close waits for the delivery in progress", "during a delivery", nil},
		{"Close fails the second time", "IPv6/Close is idempotent and may be called concurrently", "use of closed", nil},
		{"Close leaves a goroutine", "IPv4/calls after Close return net.ErrClosed", "leaked goroutine", nil},
		{"Close forgets what was committed", "IPv4/Close sends what was committed", "stuck", nil},
		{"delivers after Close", "IPv4/nothing is delivered after Close", "delivered after Close", nil},
		{"Commit works after Close", "IPv4/slots may be held during Close", "Commit after Close", nil},
		{"Bind works after Close", "IPv4/calls after Close return net.ErrClosed", "Bind after Close", nil},
		{"Reserve works after Close", "IPv6/calls after Close return net.ErrClosed", "Reserve after Close", nil},
	}
}
