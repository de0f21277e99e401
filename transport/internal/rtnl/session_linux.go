// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import "github.com/mdlayher/netlink"

// A Session is a [Watch] with a socket for questions. It is not safe for concurrent
// use.
type Session struct {
	Path   string   // of the namespace, see [Dial]
	Groups []uint32 // see [NewWatch]
	Tell   func(messages []byte)

	Conn *netlink.Conn // for questions, once it is open

	watch *Watch
}

// Open opens both. What is answered is from after the watch has begun. The caller
// closes the session also after an error.
func (s *Session) Open() (err error) {
	// In this order: Tell may ask.
	if s.Conn, err = Dial(s.Path); err != nil {
		return err
	}
	s.watch, err = NewWatch(s.Path, s.Groups, s.Tell)
	return err
}

// Close ends both. It must not be called by Tell.
func (s *Session) Close() {
	if s.watch != nil {
		s.watch.Close()
	}
	if s.Conn != nil {
		s.Conn.Close()
	}
}
