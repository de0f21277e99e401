// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
)

// failures are the errors about packets that were accepted, for the receiving
// goroutine to tell.
type failures struct {
	n  atomic.Int32
	mu sync.Mutex
	is []*transport.NetworkError
}

func (f *failures) waiting() bool { return f.n.Load() > 0 }

func (f *failures) add(q *queue, p heldPacket, errno unix.Errno) {
	e := &transport.NetworkError{
		Origin: transport.OriginLocal,
		Errno:  errno,
		Time:   time.Now().UnixNano(),
		Dst:    destination(p.data),
		Cookie: p.cookie,
	}
	var pk transport.Packet
	if pk.Load(p.data, transport.Arrival{Flags: transport.FlagHeaderVerified}) == wire.NotMalformed {
		e.Protocol, e.Src, e.Quoted = pk.Protocol(), pk.Src(), pk.Payload()
	}
	f.mu.Lock()
	if len(f.is) < heldInAll { // nobody may be receiving
		f.is = append(f.is, e)
		f.n.Store(int32(len(f.is)))
	}
	f.mu.Unlock()
	q.Wake()
}

// tell hands on the failures.
func (f *failures) tell(s transport.Sink) {
	if !f.waiting() {
		return
	}
	f.mu.Lock()
	is := f.is
	f.is = nil
	f.n.Store(0)
	f.mu.Unlock()
	for _, e := range is {
		s.Event(&transport.Event{Kind: transport.ErrorReceived, Err: e})
	}
}
