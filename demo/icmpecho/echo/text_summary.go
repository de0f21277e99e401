// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"strconv"
	"time"
)

// Summary writes the statistics that come last.
func (t *Text) Summary(s *Stats) {
	b := append(t.line[:0], "\n--- "...)
	b = append(b, t.Host...)
	b = append(b, " ping statistics ---\n"...)
	b = strconv.AppendUint(b, s.Transmitted, 10)
	b = append(b, " packets transmitted, "...)
	b = strconv.AppendUint(b, s.Received, 10)
	b = append(b, " received"...)
	for _, c := range []struct {
		n    uint64
		text string
	}{
		{s.Duplicates, " duplicates"},
		{s.Corrupted, " corrupted"},
		{s.Errors, " errors"},
		{s.Late, " late"},
		{s.InFlight, " in flight"},
	} {
		if c.n > 0 {
			b = append(b, ", +"...)
			b = strconv.AppendUint(b, c.n, 10)
			b = append(b, c.text...)
		}
	}
	if s.Transmitted > 0 {
		b = append(b, ", "...)
		b = appendLoss(b, s.Loss())
		b = append(b, "% packet loss, time "...)
		b = strconv.AppendInt(b, s.Elapsed.Round(time.Millisecond).Milliseconds(), 10)
		b = append(b, "ms"...)
	}
	b = append(b, '\n')
	if s.RTT.Count > 0 {
		b = append(b, "rtt min/avg/max/mdev = "...)
		b = appendSlashed(b, s.RTT.Min, s.RTT.Mean(), s.RTT.Max, s.RTT.Mdev())
		if s.Pipe > 1 {
			b = append(b, ", "...)
		}
	}
	if s.Pipe > 1 {
		b = append(b, "pipe "...)
		b = strconv.AppendUint(b, s.Pipe, 10)
	}
	t.write(t.Out, append(b, '\n'))
}

// Interim writes one line about the state of affairs, which ping writes on
// SIGQUIT.
func (t *Text) Interim(s *Stats) {
	b := strconv.AppendUint(t.line[:0], s.Received, 10)
	b = append(b, '/')
	b = strconv.AppendUint(b, s.Transmitted, 10)
	b = append(b, " packets, "...)
	b = appendLoss(b, s.Loss())
	b = append(b, "% loss"...)
	if s.RTT.Count > 0 {
		b = append(b, ", min/avg/ewma/max = "...)
		b = appendSlashed(b, s.RTT.Min, s.RTT.Mean(), s.RTT.EWMA(), s.RTT.Max)
	}
	t.write(t.Err, append(b, '\n'))
}

// appendLoss writes up to six significant digits, as ping does.
func appendLoss(b []byte, percent float64) []byte { return strconv.AppendFloat(b, percent, 'g', 6, 64) }

func appendSlashed(b []byte, times ...time.Duration) []byte {
	for i, d := range times {
		if i > 0 {
			b = append(b, '/')
		}
		b = appendMillis(b, d)
	}
	return append(b, " ms"...)
}
