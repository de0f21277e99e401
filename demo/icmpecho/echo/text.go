// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"io"
	"net/netip"
	"strconv"
	"time"
)

// A Text writes what a Pinger reports as lines in the format of ping of
// iputils. Each line is one Write. Errors of writing are not looked at.
type Text struct {
	Out io.Writer // replies, errors of the network, and the statistics
	Err io.Writer // errors of this host

	Program string // at the start of the lines to Err
	Host    string // the target as the user named it
	Name    string // the name of the address asked, if it shall be shown in replies
	Addr    netip.Addr
	Size    int // of the data

	Source netip.Addr // shown in the head line if valid
	Device string     // likewise, if not empty
	Stamps bool       // put the time in front of each line
	Quiet  bool       // write the head line and the statistics only

	line []byte // reused
}

// Head writes the line that comes first.
func (t *Text) Head() {
	b := append(t.line[:0], "PING "...)
	b = append(b, t.Host...)
	if t.Addr.Is4() {
		b = append(b, ' ') // ping of iputils has this blank for IPv4 only
	}
	b = append(b, '(')
	b = t.Addr.AppendTo(b)
	b = append(b, ") "...)
	if t.Source.IsValid() || t.Device != "" {
		b = append(b, "from "...)
		if t.Source.IsValid() {
			b = t.Source.AppendTo(b)
		}
		b = append(b, ' ')
		b = append(b, t.Device...)
		b = append(b, ": "...)
	}
	b = strconv.AppendInt(b, int64(t.Size), 10)
	if t.Addr.Is4() {
		b = append(b, '(')
		b = strconv.AppendInt(b, int64(t.Size)+20+headerLen, 10)
		b = append(b, ") bytes of data.\n"...)
	} else {
		b = append(b, " data bytes\n"...)
	}
	t.write(t.Out, b)
}

func (t *Text) write(w io.Writer, line []byte) {
	t.line = line
	_, _ = w.Write(line)
}

// Event writes the line for an event. It is made for Config.Report.
func (t *Text) Event(e *Event) {
	if t.Quiet {
		return
	}
	b := t.line[:0]
	if t.Stamps {
		b = append(b, '[')
		b = strconv.AppendInt(b, e.Time.Unix(), 10)
		b = append(b, '.')
		b = appendPadded(b, int64(e.Time.Nanosecond()/1000), 6)
		b = append(b, "] "...)
	}
	switch e.Kind {
	case EventReply:
		t.write(t.Out, t.appendReply(b, e))
	case EventWaiting:
		b = append(b, "no answer yet for icmp_seq="...)
		b = strconv.AppendUint(b, e.Seq&0xffff, 10)
		t.write(t.Out, append(b, '\n'))
	case EventError:
		if !e.From.IsValid() {
			t.write(t.Err, t.appendLocal(b, e))
			return
		}
		b = append(b, "From "...)
		b = e.From.AppendTo(b)
		b = append(b, " icmp_seq="...)
		b = strconv.AppendUint(b, e.Seq&0xffff, 10)
		b = append(b, ' ')
		t.write(t.Out, append(appendError(b, e), '\n'))
	}
}

func (t *Text) appendReply(b []byte, e *Event) []byte {
	b = strconv.AppendInt(b, int64(e.Bytes), 10)
	b = append(b, " bytes from "...)
	if t.Name != "" && !e.Foreign {
		b = append(b, t.Name...)
		b = append(b, " ("...)
		b = e.From.AppendTo(b)
		b = append(b, ')')
	} else {
		b = e.From.AppendTo(b)
	}
	b = append(b, ": icmp_seq="...)
	b = strconv.AppendUint(b, e.Seq&0xffff, 10)
	if e.TTLKnown {
		b = append(b, " ttl="...)
		b = strconv.AppendUint(b, uint64(e.TTL), 10)
	}
	if e.WrongLen && e.Bytes < t.Size+headerLen {
		return append(b, " (truncated)\n"...)
	}
	if e.RTT >= 0 {
		b = append(b, " time="...)
		b = appendRTT(b, e.RTT)
		b = append(b, " ms"...)
	}
	for _, mark := range []struct {
		on   bool
		text string
	}{
		{e.Duplicate, " (DUP!)"},
		{e.Late, " (LATE!)"},
		{e.BadChecksum, " (BAD CHECKSUM!)"},
		{e.Foreign, " (DIFFERENT ADDRESS!)"},
		{e.WrongLen, " (TOO LONG!)"},
	} {
		if mark.on {
			b = append(b, mark.text...)
		}
	}
	if e.Want != e.Got {
		b = append(b, "\nwrong data byte #"...)
		b = strconv.AppendInt(b, int64(e.WrongAt), 10)
		b = append(b, " should be 0x"...)
		b = strconv.AppendUint(b, uint64(e.Want), 16)
		b = append(b, " but was 0x"...)
		b = strconv.AppendUint(b, uint64(e.Got), 16)
	}
	return append(b, '\n')
}

// appendRTT writes milliseconds with as many digits as ping does: three
// decimals below 1 ms, and one less for each power of ten above.
func appendRTT(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	switch {
	case us >= 100000-50:
		return strconv.AppendInt(b, (us+500)/1000, 10)
	case us >= 10000-5:
		us += 50
		return appendFraction(b, us/1000, us%1000/100, 1)
	case us >= 1000:
		us += 5
		return appendFraction(b, us/1000, us%1000/10, 2)
	}
	return appendMillis(b, d)
}

// appendMillis writes milliseconds with three decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	return appendFraction(b, us/1000, us%1000, 3)
}

func appendFraction(b []byte, whole, part int64, digits int) []byte {
	b = strconv.AppendInt(b, whole, 10)
	b = append(b, '.')
	return appendPadded(b, part, digits)
}

func appendPadded(b []byte, n int64, digits int) []byte {
	for p := int64(10); digits > 1; digits, p = digits-1, p*10 {
		if n < p {
			b = append(b, '0')
		}
	}
	return strconv.AppendInt(b, n, 10)
}
