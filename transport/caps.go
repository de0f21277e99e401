// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

// Caps says what a transport does itself and what it leaves to its user. It is
// constant for the transport's life.
type Caps struct {
	Name      string // "rawip", "afpacket", "sim"; also Net in a *net.OpError
	Batch     int    // most slots worth reserving at once
	MaxPacket int    // most bytes of a packet to send, from its IP header on

	V4, V6 bool // families carried

	Fragments    bool // sends packets above the MTU itself, so that the caller must not cut them
	Reassembles  bool // never delivers fragments
	BuildsHeader bool // the IP header is built below: fields it has no means to set are not sent as given
	SendOnly     bool // Recv returns an *UnsupportedError
	Stepped      bool // driven step by step in virtual time; Wait returns ErrStepped
	Foreign      bool // can receive AnyProtocol and, asked by ForeignReceiver, addresses not its own
	QuotesErrors bool // reports ICMP errors as events, so that they need not be taken from ICMP packets again

	TxTime TimeSource // where transmit stamps come from; TimeNone: there are none
	Known4 Field      // header fields that are true in received IPv4 packets
	Known6 Field      // the same for IPv6
}
