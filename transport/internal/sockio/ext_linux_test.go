// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// extMessages builds control messages with extension headers between others.
func extMessages(kindsAndHeaders ...any) []byte {
	w := Builder{B: make([]byte, 8192)}
	w.AddInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 64)
	for i := 0; i < len(kindsAndHeaders); i += 2 {
		h := kindsAndHeaders[i+1].([]byte)
		copy(w.Add(unix.SOL_IPV6, kindsAndHeaders[i].(int), len(h)), h)
	}
	w.AddInt(unix.SOL_IPV6, unix.IPV6_RECVFRAGSIZE, 1500)
	return w.B[:w.N]
}

func TestExtensionHeadersAreLinked(t *testing.T) {
	const hop, dst, rt = unix.IPV6_HOPOPTS, unix.IPV6_DSTOPTS, unix.IPV6_RTHDR
	eight := func(next, length byte) []byte { return []byte{next, length, 1, 4, 0, 0, 0, 0} }
	sixteen := append(eight(253, 1), 1, 6, 0, 0, 0, 0, 0, 0)
	long := append(eight(253, 255), make([]byte, 2040)...)
	for _, c := range []struct {
		name     string
		messages []byte
		want     []byte // nil: refused
		first    uint8
	}{
		{"none", extMessages(), []byte{}, 253},
		{"one", extMessages(dst, sixteen), sixteen, 60},
		{"the longest", extMessages(dst, long), long, 60},
		{"three", extMessages(hop, eight(43, 0), rt, eight(60, 0), dst, eight(253, 0)),
			append(append(eight(43, 0), eight(60, 0)...), eight(253, 0)...), 0},
		{"fragment headers are passed over", extMessages(hop, eight(44, 0), dst, eight(44, 0)),
			append(eight(60, 0), eight(253, 0)...), 0},
		{"hop-by-hop options behind others", extMessages(dst, eight(0, 0), hop, eight(253, 0)), nil, 0},
		{"a header that leads elsewhere", extMessages(hop, eight(43, 0), dst, eight(253, 0)), nil, 0},
		{"a last header that leads elsewhere", extMessages(dst, eight(17, 0)), nil, 0},
		{"an empty message", extMessages(dst, []byte{}), nil, 0},
		{"a cut header", extMessages(dst, eight(253, 0)[:7]), nil, 0},
		{"a length beyond the message", extMessages(dst, eight(253, 1)), nil, 0},
		{"a length within the message", extMessages(dst, append(eight(253, 0), eight(253, 0)...)), nil, 0},
		{"more than there is room for", extMessages(dst, append(eight(60, 255), make([]byte, 2040)...), dst, long), nil, 0},
	} {
		var out [ExtControl]byte
		n, first, ok := Extensions(c.messages, out[:], 253)
		if ok != (c.want != nil) {
			t.Errorf("%s: accepted %v", c.name, ok)
		}
		if ok && (!bytes.Equal(out[:n], c.want) || first != c.first) {
			t.Errorf("%s: %x from %d, want %x from %d", c.name, out[:n], first, c.want, c.first)
		}
		var all Control
		if all.Parse(c.messages); all.Hop != 64 || all.FragSize != 1500 || ok && int(all.Ext) != n {
			t.Errorf("%s: %+v", c.name, all)
		}
	}
}

func FuzzExtensions(f *testing.F) {
	f.Add(extMessages(unix.IPV6_HOPOPTS, []byte{60, 0, 1, 4, 0, 0, 0, 0}, unix.IPV6_DSTOPTS, []byte{253, 0, 1, 4, 0, 0, 0, 0}), 2112) // what the kernel writes
	f.Add(extMessages(unix.IPV6_DSTOPTS, []byte{253, 9}), 16)                                                                         // a length beyond the message
	f.Fuzz(func(t *testing.T, b []byte, room int) {
		dst := make([]byte, min(max(room, 0), 4096))
		n, _, ok := Extensions(b, dst, 253)
		if !ok {
			return
		}
		for at := 0; at < n; at += (int(dst[at+1]) + 1) * 8 {
			if rest := n - at; rest < (int(dst[at+1])+1)*8 {
				t.Fatalf("%x does not end with a header", dst[:n])
			}
		}
	})
}
