// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package xfer is a small reliable file transfer on IP protocol 253, written
// as two handlers for package proto: a [Sender] and a [Receiver], each for one
// file. An [Upload] and a [Download] tie them to a reader and to files. It runs
// unchanged over raw sockets and over an in-memory network, in real and in
// virtual time.
//
//	s := xfer.NewSender(xfer.SenderConfig{Peer: peer, Name: "a.txt", Size: size})
//	b, err := host.HandleWith(s, xfer.Options(253))
//	err = xfer.NewUpload(b, s, file).Run(ctx)
//
// # Where to look
//
// The handlers are state machines: packets and timers come in, packets go out,
// nothing blocks and nothing is locked. Read them in this order:
//
//	wire.go, messages.go            what packets look like
//	sender.go, sender_packets.go    the sender's states, packets and timer
//	sender_transmit.go              sending: which block is next, and when
//	sender_ack.go                   acknowledgements and loss detection
//	congestion.go, rtt.go           how fast, and how long to wait
//	receiver.go                     the other side
//	receiver_offer.go               who is given memory
//	receiver_data.go                blocks in, acknowledgements out
//	upload.go, download.go          the application: where blocking is allowed
//
// # Protocol
//
// A file is cut into blocks, all of the same size but the last, and numbered
// from 0. Both sides know the number of blocks from the offer.
//
//	sender                                   receiver
//	  OFFER (name, size, block size)  ────▶
//	                                  ◀────  COOKIE, and keeps nothing
//	  OFFER (with the cookie)         ────▶  asks the application
//	                                  ◀────  ACK: go on    or CLOSE: refused
//	  DATA, DATA, DATA …              ────▶
//	                                  ◀────  ACK, one per batch of packets
//	  FINISH (SHA-256)                ────▶  compares, stores the file
//	                                  ◀────  CLOSE (stored)
//	  CLOSE (stored)                  ────▶  forgets the transfer
//
// Protocol numbers 253 and 254 are for experiments (RFC 3692, RFC 4727) and
// belong to nobody, so that every packet begins with the number of the
// experiment, an idea of RFC 6994. All fields are in network byte order.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                  Experiment ID (0x58666572)                   |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  Version (1)  |     Type      |         Reserved (0)          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                            CRC-32C                            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                                                               |
//	+                         Connection ID                         +
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         Packet number                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                        Body, by type                         ...
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// CRC-32C (RFC 3385) covers the whole packet but its own field: IP protects
// headers at most. The connection ID is chosen at random by the sender: who
// cannot see the packets cannot forge any. The packet number counts
// transmissions of DATA and PING, from 1, and is never used twice, so that an
// acknowledgement tells an original from its retransmission; it is 0 in
// others.
//
//	type      body
//	1 OFFER   Cookie (8 bytes, 0 at first), Size (8), Block size (2), Name (1 to 255, UTF-8)
//	2 COOKIE  Cookie (8)
//	3 DATA    Block (4), its bytes
//	4 ACK     Newest (4), Next (4), Limit (4), ranges of First (4), End (4)
//	5 PING    nothing; asks for an ACK
//	6 FINISH  SHA-256 of the file (32)
//	7 CLOSE   Code (1), see Code
//
// In an ACK, Newest is the highest packet number that arrived. All blocks below
// Next have arrived, and so have those of each range, from First up to and not
// including End; ranges are in order and do not touch. Blocks from Limit on
// must not be sent yet: that is flow control. If there are 64 ranges, nothing
// is said about the blocks above the last.
//
// A block is taken for lost when a packet sent three or more after it has
// arrived (as in RFC 9002, section 6.1.1), or any one sent after it and 9/8 of
// a round trip ago; if nothing arrives, when the timer of RFC 6298 runs out.
// The rate follows a model of the path, see congestion.go.
//
// The cookie is a keyed hash of the sender's address and connection ID. A
// receiver gives memory only to those who have returned it, and an answer is
// never longer than the question, so that a forged source address gains
// nothing.
//
// # Limitations
//
// There is no encryption and no authentication: who sees the packets can forge
// them, and Env.Rand, from which connection IDs and the cookie key are taken,
// is not for cryptography. Packets have the size that the route allows when a
// transfer begins; where the path turns out to be narrower, the host sends them in
// fragments. A receiver serves one transfer at a time, and a broken transfer is
// not resumed. If everything is lost in the last two seconds, the sender reports
// a timeout although the file is stored: no protocol can rule that out, only make
// it rare.
package xfer
