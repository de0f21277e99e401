// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package measure

import "slices"

// The metrics. A sample has those that make sense for it.
const (
	CPU      = "cpu_ns_per_packet"      // of the program that is measured; a datagram is one packet, however many fragments it has
	Piece    = "cpu_ns_per_fragment"    // the same per frame, where datagrams have several
	Rate     = "kpps"                   // thousand packets per second received, or sent and arrived
	Loss     = "loss_percent"           // of what was sent
	Sender   = "sender_ns_per_packet"   // time that the load generator took
	Allocs   = "allocations_per_packet" // of the Go heap
	Objects  = "heap_objects"           // allocated during the run
	GCs      = "gcs_per_second"
	Memory   = "rss_mib"
	StartUp  = "start_ms"
	P50      = "p50_us"
	P90      = "p90_us"
	P99      = "p99_us"
	P999     = "p999_us"
	PerEcho  = "cpu_us_per_echo"
	Time     = "ns_per_op" // of a benchmark in memory
	AllocsOp = "allocs_per_op"
	Frame    = "cpu_ns_per_frame" // of a walk in memory
)

// Metrics lists all of them in the order of reports.
var Metrics = []string{CPU, Piece, Rate, Loss, Sender, Allocs, Objects, GCs, Memory, StartUp, P50, P90, P99, P999, PerEcho, Time, AllocsOp, Frame}

// A Sample is what one run of one program showed.
type Sample map[string]float64

// A Summary is one metric over all rounds.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// Summarise returns median, least and greatest of some values.
func Summarise(v []float64) Summary {
	if len(v) == 0 {
		return Summary{}
	}
	s := slices.Sorted(slices.Values(v))
	m := s[len(s)/2]
	if len(s)%2 == 0 {
		m = (s[len(s)/2-1] + m) / 2
	}
	return Summary{m, s[0], s[len(s)-1], len(s)}
}
