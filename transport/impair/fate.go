// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

// A Fate is something that befalls a packet in a pipe.
type Fate uint8

// The fates. The packet is gone after the first five.
const (
	Lost         Fate = iota + 1 // by [Loss], [GEModel] or [Drop]
	QueueDropped                 // by the queue of [Rate]
	TooBig                       // by [MTU]
	Filtered                     // by a middlebox
	Cleared                      // by [Pipe.Clear]
	Duplicated                   // a copy was made
	Reordered                    // it is held back
	Corrupted                    // bits of it were flipped
	Marked                       // it was marked: congestion experienced
	numFates     = iota + 1
)

var fateNames = [numFates]string{
	"", "lost", "dropped by the queue", "too big", "dropped by a middlebox", "cleared",
	"duplicated", "held back", "corrupted", "marked",
}

// String returns the fate in words.
func (f Fate) String() string {
	if f > 0 && int(f) < len(fateNames) {
		return fateNames[f]
	}
	return "unknown fate"
}

// Stats counts the packets of a pipe. Copies that [Duplicate] makes are counted
// where they are made and nowhere else:
//
//	Offered == Delivered + Lost + QueueDropped + TooBig + Filtered + Cleared + InFlight
type Stats struct {
	Offered      uint64
	OfferedBytes uint64 // from their IP headers on
	Delivered    uint64 // came out
	Lost         uint64
	QueueDropped uint64
	TooBig       uint64
	Filtered     uint64
	Cleared      uint64
	InFlight     uint64 // are in the pipe now

	Duplicated uint64 // copies made, whatever became of them
	Reordered  uint64
	Corrupted  uint64
	Marked     uint64
}

// count counts a fate.
func (s *Stats) count(f Fate) {
	switch f {
	case Lost:
		s.Lost++
	case QueueDropped:
		s.QueueDropped++
	case TooBig:
		s.TooBig++
	case Filtered:
		s.Filtered++
	case Cleared:
		s.Cleared++
	case Duplicated:
		s.Duplicated++
	case Reordered:
		s.Reordered++
	case Corrupted:
		s.Corrupted++
	case Marked:
		s.Marked++
	}
}
