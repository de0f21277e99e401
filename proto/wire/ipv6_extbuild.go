// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// extMaxData is the most data an extension header can have: 256 units of eight
// bytes, less the next header and length bytes.
const extMaxData = 256*8 - 2

// An Ext is an IPv6 extension header to be sent.
//
// Data is the header without its first two bytes, next header and header
// extension length, which are filled in when the chain is built:
//
//   - ExtHopByHop, ExtDestination: the options, one after the other, as made
//     with AppendIPv6Option. Padding to a multiple of eight bytes is added.
//   - ExtRouting: routing type, segments left and what follows them. The
//     length must make the header a multiple of eight bytes.
//   - ExtFragment: offset and flags (2 bytes) and identification (4 bytes).
//   - ExtAH, ExtMobility, ExtHIP, ExtShim6: what the protocol says, in a
//     length that makes the header a multiple of eight bytes.
//
// Other types cannot be chained: what follows ESP is encrypted, and an unknown
// type is an upper-layer protocol.
type Ext struct {
	Type uint8
	Data []byte
}

// Len returns the length of the header with its first two bytes and padding.
func (e Ext) Len() int { return (len(e.Data) + 2 + 7) &^ 7 }

// ExtLen returns the length of the chain of the given extension headers.
func ExtLen(exts []Ext) int {
	n := 0
	for i := range exts {
		n += exts[i].Len()
	}
	return n
}

// MarshalExt writes the chain of the given extension headers to the start of
// b, with protocol as the last next header field. It returns the value for the
// next header field in front of the chain, which is protocol if there are no
// extension headers, and the number of bytes written. Its errors are
// ErrShortBuffer, and ErrExtension for a header that [Ext] does not allow, a
// hop-by-hop options header that is not the first, or more than MaxChain
// headers.
func MarshalExt(b []byte, exts []Ext, protocol uint8) (first uint8, n int, err error) {
	if len(exts) > MaxChain {
		return 0, 0, ErrExtension
	}
	for i := range exts {
		if exts[i].Type == ExtHopByHop && i > 0 {
			return 0, 0, ErrExtension
		}
		next := protocol
		if i+1 < len(exts) {
			next = exts[i+1].Type
		}
		if err := exts[i].marshal(b[n:], next); err != nil {
			return 0, 0, err
		}
		n += exts[i].Len()
	}
	if len(exts) == 0 {
		return protocol, 0, nil
	}
	return exts[0].Type, n, nil
}

func (e Ext) marshal(b []byte, next uint8) error {
	n := e.Len()
	if !IsExtension(e.Type) || len(e.Data) > extMaxData {
		return ErrExtension
	}
	if len(b) < n {
		return ErrShortBuffer
	}
	size := uint8(n/8 - 1)
	switch e.Type {
	case ExtHopByHop, ExtDestination:
		putPadding(b[2+len(e.Data) : n])
	case ExtAH:
		if n != len(e.Data)+2 || n < 16 || n > (255+2)*4 {
			return ErrExtension
		}
		size = uint8(n/4 - 2) // RFC 4302 section 2.2
	case ExtFragment:
		if len(e.Data) != IPv6FragmentLen-2 {
			return ErrExtension
		}
		size = 0 // reserved
	default:
		if n != len(e.Data)+2 {
			return ErrExtension
		}
	}
	b[0], b[1] = next, size
	copy(b[2:], e.Data)
	return nil
}

// putPadding fills b, at most 7 bytes, with one padding option.
func putPadding(b []byte) {
	if len(b) == 0 {
		return
	}
	clear(b)
	if len(b) > 1 {
		b[0], b[1] = IPv6OptPadN, uint8(len(b)-2)
	} // else Pad1, which is zero
}

// AppendIPv6Option appends an option of the given type and data to Data of a
// hop-by-hop or destination options [Ext], and returns the extended slice. The
// data must be at most 255 bytes; what is longer is cut off. Some options ask
// for an alignment: [AppendIPv6Alignment] goes before them.
func AppendIPv6Option(b []byte, typ uint8, data []byte) []byte {
	data = data[:min(len(data), 255)]
	b = append(b, typ, uint8(len(data)))
	return append(b, data...)
}

// AppendIPv6Alignment appends the padding after which the next option starts at
// a multiple of x plus y bytes from the start of the extension header, for x
// of 1, 2, 4 or 8: the alignment that RFC 8200 section 4.2 writes as xn+y. B
// must be Data of an [Ext], from its start.
func AppendIPv6Alignment(b []byte, x, y int) []byte {
	n := (y - (len(b) + 2)) & (x - 1)
	var pad [8]byte
	putPadding(pad[:n&7])
	return append(b, pad[:n&7]...)
}

// AppendIPv6RouterAlert appends a router alert option (RFC 2711), aligned as
// it asks. Value 0 marks a datagram that carries multicast listener discovery.
func AppendIPv6RouterAlert(b []byte, value uint16) []byte {
	b = AppendIPv6Alignment(b, 2, 0)
	return append(b, IPv6OptRouterAlert, 2, byte(value>>8), byte(value))
}
