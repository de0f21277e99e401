// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"slices"
	"sync"
)

// A Recorder records the faults that strike, all of them. The zero value is ready for use;
// its methods are safe for concurrent use. One recorder may serve several
// links, transports or networks.
type Recorder struct {
	mu     sync.Mutex
	faults []Fault
}

// Record adds a fault. Those who apply faults call it.
func (r *Recorder) Record(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Flipped = slices.Clone(f.Flipped)
	r.faults = append(r.faults, f)
}

// Faults returns the faults recorded so far.
func (r *Recorder) Faults() []Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// Schedule returns the addresses of the faults recorded so far.
func (r *Recorder) Schedule() Schedule {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := make(Schedule, len(r.faults))
	for i := range r.faults {
		s[i] = r.faults[i].ID
	}
	return s
}

// Reset forgets what was recorded.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

// A Hook is what watches over the faults of a link: a filter, a recorder, both
// or neither.
type Hook struct {
	Filter   Filter
	Recorder *Recorder
}

// Strike asks whether a fault may strike, and records it if so. Those who apply
// faults call it.
func (h *Hook) Strike(f Fault) bool {
	if h.Filter != nil && !h.Filter(f) {
		return false
	}
	if h.Recorder != nil {
		h.Recorder.Record(f)
	}
	return true
}

// On reports whether there is anybody to ask or to tell.
func (h *Hook) On() bool { return h.Filter != nil || h.Recorder != nil }
