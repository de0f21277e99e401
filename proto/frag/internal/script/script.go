// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package script

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// A Piece is one fragment.
type Piece struct {
	Off  int // a multiple of 8
	Len  int
	More bool
	Fill byte
}

// Data returns the piece's data.
func (p Piece) Data() []byte { return bytes.Repeat([]byte{p.Fill}, p.Len) }

// Whole reports whether the piece is no fragment but all of its datagram.
func (p Piece) Whole() bool { return p.Off == 0 && !p.More }

// String returns the piece in the notation that Parse reads: offset, plus sign,
// length, M if more fragments follow, and the fill byte: itself if it is a
// letter, otherwise in hexadecimal behind a number sign.
func (p Piece) String() string {
	s := fmt.Sprintf("%d+%d", p.Off, p.Len)
	if p.More {
		s += "M"
	}
	if isFill(p.Fill) && !(p.Fill == 'M' && !p.More) {
		return s + string(p.Fill)
	}
	return fmt.Sprintf("%s#%02x", s, p.Fill)
}

func isFill(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// A Script is the fragments of one identification, in order of sending.
type Script []Piece

// String returns the script in the notation that Parse reads.
func (s Script) String() string {
	words := make([]string, len(s))
	for i, p := range s {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}

// Parse reads a script such as "0+16MA 16+8B".
func Parse(text string) (Script, error) {
	var s Script
	for _, w := range strings.Fields(text) {
		p, err := parsePiece(w)
		if err != nil {
			return nil, fmt.Errorf("script: %q: %w", w, err)
		}
		s = append(s, p)
	}
	return s, nil
}

// MustParse is Parse for scripts that are constants; it panics on an error.
func MustParse(text string) Script {
	s, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

func parsePiece(w string) (p Piece, err error) {
	off, rest, _ := strings.Cut(w, "+")
	if p.Off, err = strconv.Atoi(off); err != nil {
		return p, err
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if p.Len, err = strconv.Atoi(rest[:digits]); err != nil {
		return p, err
	}
	rest, p.More = strings.CutPrefix(rest[digits:], "M")
	if h, ok := strings.CutPrefix(rest, "#"); ok {
		fill, err := strconv.ParseUint(h, 16, 8)
		p.Fill = byte(fill)
		return p, err
	}
	if len(rest) != 1 || !isFill(rest[0]) {
		return p, fmt.Errorf("no fill byte")
	}
	p.Fill = rest[0]
	return p, nil
}

// Units writes a payload as a letter for each eight bytes, the last of which
// may be fewer: "AAB" for 16 bytes of A and up to eight of B. A unit that is not
// the same all through is a question mark.
func Units(payload []byte) string {
	var b strings.Builder
	for len(payload) > 0 {
		n := min(8, len(payload))
		u := payload[:n]
		payload = payload[n:]
		if bytes.Count(u, u[:1]) != n {
			b.WriteByte('?')
		} else {
			b.WriteByte(u[0])
		}
	}
	return b.String()
}
