// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"protean/proto/wire"
)

// The least MTU that a link may have (RFC 791 section 3.2, RFC 8200 section 5).
const (
	MinMTU4 = 68
	MinMTU6 = 1280
)

// A SplitConfig configures Splitter.Split. The zero SplitConfig means the
// defaults.
type SplitConfig struct {
	// Balanced makes all fragments about the same length. By default each is as
	// long as fits and the last has the rest.
	Balanced bool

	// IgnoreDF cuts IPv4 packets with the don't-fragment flag too; their
	// fragments go without it.
	IgnoreDF bool

	// CompactOptions leaves out of the IPv4 headers behind the first the options
	// that are not to be copied. By default they are replaced by no operation
	// options, as Linux does, so that all headers have one length.
	CompactOptions bool

	// AnyMTU allows an MTU below MinMTU4 or MinMTU6.
	AnyMTU bool
}

// A Splitter cuts an IP packet into fragments.
//
//	err := s.Split(packet, mtu, id, frag.SplitConfig{})
//	for s.Next() {
//		n, err := s.Copy(buffer) // or gather s.Header() and s.Payload()
//	}
//
// The zero Splitter is ready for Split, and can be used for one packet after
// the other. It refers to the packet until the next Split, and changes nothing
// in it. It is for use by one goroutine at a time, and must not be copied
// between Split and the last Next.
type Splitter struct {
	v6     bool
	single bool   // the packet fits: it comes out as it is
	more   bool   // the packet is itself a fragment with others behind it
	base   int    // offset of the packet's data: it is itself a fragment
	data   []byte // what is cut
	pos    int    // where the next fragment starts in data
	size   [2]int // most data of a fragment, a multiple of 8: of the first, of the others
	room   [2]int // most data of the last fragment, if it is the first, if not
	least  int    // data of the first fragment, for the header chain
	num    int

	head    []byte // of the current fragment
	payload []byte // of the current fragment
	first   []byte // template of the first header, IPv4
	later   []byte // template of the others
	sum     [2]uint32
	inline  [128]byte
	spare   []byte // for longer headers
}

// Split makes the fragments of packet the next ones to come out of s. Packet
// is a whole IP packet from its header on, with the payload checksum, which
// covers all of it, filled in; the IPv4 header checksum need not be. Each
// fragment has at most mtu bytes. A packet that fits comes out as it is.
//
// The fragments bear the identification id, which must not be 0; see IDs. If id
// is 0 they bear that of the packet, which must have one then. A packet that is
// itself a fragment is cut further, with the identification it has.
//
// The errors are a *TooBigError for an IPv4 packet that must not be cut, a
// wire.Malformed for one that is no IP packet, wire.BadOption for one with IPv4
// options that cannot be read, and the SplitErrors.
func (s *Splitter) Split(packet []byte, mtu int, id uint32, c SplitConfig) error {
	s.single, s.more, s.base, s.pos, s.least, s.num = false, false, 0, 0, 0, 0
	s.data, s.head, s.payload = nil, nil, nil
	if len(packet) < wire.IPv4HeaderLen {
		return wire.TooShort
	}
	var err error
	switch packet[0] >> 4 {
	case 4:
		err = s.split4(packet, mtu, id, c)
	case 6:
		err = s.split6(packet, mtu, id, c)
	default:
		return wire.BadVersion
	}
	if err != nil {
		s.data = nil
		return err
	}
	if !s.single {
		s.plan(c.Balanced)
	}
	return nil
}

// whole makes the packet come out as it is.
func (s *Splitter) whole(packet []byte, hdr int) {
	s.single, s.num = true, 1
	s.head, s.data = packet[:hdr], packet[hdr:]
}

// plan counts the fragments.
func (s *Splitter) plan(balanced bool) {
	rest := len(s.data) - s.size[0]
	s.num = 2
	if over := rest - s.room[1]; over > 0 {
		s.num += (over + s.size[1] - 1) / s.size[1]
	}
	if balanced {
		even := ((len(s.data)+s.num-1)/s.num + 7) &^ 7
		s.size[0] = min(s.size[0], max(even, s.least))
		s.size[1] = min(s.size[1], even)
		// The first can be too small for its share, if its header is longer.
		for s.size[0]+(s.num-2)*s.size[1]+s.room[1] < len(s.data) {
			s.size[1] += 8
		}
	}
}

// Num returns the number of fragments, those that were taken included.
func (s *Splitter) Num() int { return s.num }

// Next goes to the next fragment and reports whether there is one.
func (s *Splitter) Next() bool {
	if s.single {
		more := s.pos == 0
		s.pos, s.payload = 1, s.data
		return more
	}
	if s.pos >= len(s.data) {
		return false
	}
	k := 0
	if s.pos > 0 {
		k = 1
	}
	n := len(s.data) - s.pos
	if s.left() > 1 {
		n = s.size[k]
	}
	s.piece(s.pos, n, s.more || s.pos+n < len(s.data))
	s.pos += n
	return true
}

// left returns how many fragments are still to come.
func (s *Splitter) left() int {
	if s.pos == 0 {
		return s.num
	}
	over := len(s.data) - s.pos - s.room[1]
	if over <= 0 {
		return 1
	}
	return 1 + (over+s.size[1]-1)/s.size[1]
}

// piece makes n bytes of the data from off on the current fragment.
func (s *Splitter) piece(off, n int, more bool) {
	s.payload = s.data[off : off+n]
	if s.v6 {
		s.header6(off, n, more)
	} else {
		s.header4(off, n, more)
	}
}

// Header returns the IP header of the current fragment, for IPv6 with its
// extension headers. It is valid until the next call of Next or Split.
func (s *Splitter) Header() []byte { return s.head }

// Payload returns what follows the header in the current fragment. It aliases
// the packet.
func (s *Splitter) Payload() []byte { return s.payload }

// Len returns the length of the current fragment.
func (s *Splitter) Len() int { return len(s.head) + len(s.payload) }

// Copy writes the current fragment to the start of b and returns its length.
// The error is wire.ErrShortBuffer.
func (s *Splitter) Copy(b []byte) (int, error) {
	if len(b) < s.Len() {
		return 0, wire.ErrShortBuffer
	}
	return copy(b, s.head) + copy(b[len(s.head):], s.payload), nil
}
