// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"golang.org/x/sys/unix"

	"protean/proto/wire"
)

// sourceRoute returns the data of the first source route option, its pointer and
// addresses, and whether there is one.
func sourceRoute(options []byte) (data []byte, ok bool) {
	for it := wire.NewIPv4OptionIterator(options); it.Next(); {
		if o := it.Option(); o.Type == wire.IPv4OptLSRR || o.Type == wire.IPv4OptSSRR {
			return o.Data, true
		}
	}
	return nil, false
}

// HopsPassed reports whether a source route begins otherwise than at its first
// hop, or has none: the kernel takes no such route (ip_options_compile in
// net/ipv4/ip_options.c).
func HopsPassed(options []byte) bool {
	data, ok := sourceRoute(options)
	return ok && (len(data) < 1+4 || len(data)%4 != 1 || data[0] != 4)
}

// Options4 has the kernel send IPv4 options as they are, and returns the address to
// send to for a packet to dst. A source route has the hops after dst on the wire,
// the last of which is where the packet ends up (RFC 791, section 3.1). The kernel
// wants dst in front of them and the last one to send to, and rotates them back
// (ip_options_compile and ip_options_build in net/ipv4/ip_options.c). HopsPassed
// says which ones it does not take.
func (w *Builder) Options4(options []byte, dst [4]byte) [4]byte {
	if len(options) == 0 {
		return dst
	}
	o := w.Add(unix.SOL_IP, unix.IP_RETOPTS, len(options))
	copy(o, options)
	data, ok := sourceRoute(o)
	if !ok {
		return dst
	}
	hops := data[1:]
	last := len(hops) - 4
	to := [4]byte(hops[last:])
	copy(hops[4:], hops[:last])
	copy(hops, dst[:])
	return to
}
