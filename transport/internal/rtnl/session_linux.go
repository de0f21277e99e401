// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import "github.com/mdlayher/netlink"

// A Session is a [Watch] with a socket for questions, both opened when they are
// needed first. It is not safe for concurrent use.
type Session struct {
	Path   string   // of the namespace, see [Dial]
	Groups []uint32 // see [NewWatch]
	Tell   func(messages []byte)

	watch *Watch
	conn  *netlink.Conn
}

// Open returns the socket. What is answered over it is from after the watch has
// begun.
func (s *Session) Open() (*netlink.Conn, error) {
	if s.watch == nil {
		w, err := NewWatch(s.Path, s.Groups, s.Tell)
		if err != nil {
			return nil, err
		}
		s.watch = w
	}
	if s.conn == nil {
		c, err := Dial(s.Path)
		if err != nil {
			return nil, err
		}
		s.conn = c
	}
	return s.conn, nil
}

// Close ends both. It must not be called by Tell.
func (s *Session) Close() {
	if s.watch != nil {
		s.watch.Close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
}
