// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"protean/demo/customproto/xfer"
)

// report prints the figures of a transfer of which both sides are known.
func report(w io.Writer, up *xfer.Upload, down *xfer.Download) error {
	received, err := down.Stats()
	if err != nil {
		return err
	}
	if err := reportSent(w, up); err != nil {
		return err
	}
	fmt.Fprintf(w, "  receiver  %d acknowledgements sent, %d blocks received twice\n", received.Acks, received.Duplicates)
	if up.Sum() != down.Sum() {
		return errors.Join(xfer.Mismatch, errors.New("after the receiver found it right"))
	}
	fmt.Fprintf(w, "  SHA-256   equal: %x\n", down.Sum())
	return nil
}

// reportSent prints the figures of a sender.
func reportSent(w io.Writer, up *xfer.Upload) error {
	st, err := up.Stats()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Sent %s in %v: %s\n", byteCount(st.Bytes), roundTime(st.Elapsed), bitRate(st.Rate()))
	fmt.Fprintf(w, "  sender    %d packets sent, %d of them again; RTT %v, least %v\n",
		st.Packets, st.Resent, roundTime(st.RTT), roundTime(st.LeastRTT))
	return nil
}

// reportReceived prints the figures of a receiver.
func reportReceived(w io.Writer, down *xfer.Download) error {
	st, err := down.Stats()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Received %q, %s in %v: %s; %d blocks came twice\n",
		down.Name(), byteCount(st.Bytes), roundTime(st.Elapsed), bitRate(st.Rate()), st.Duplicates)
	fmt.Fprintf(w, "  SHA-256   %x\n", down.Sum())
	return nil
}

func byteCount(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.2f KiB", float64(n)/(1<<10))
	case n == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func bitRate(r float64) string {
	switch {
	case r == 0:
		return "unlimited rate"
	case r >= 1e9:
		return fmt.Sprintf("%.3g Gbit/s", r/1e9)
	case r >= 1e6:
		return fmt.Sprintf("%.3g Mbit/s", r/1e6)
	}
	return fmt.Sprintf("%.3g kbit/s", r/1e3)
}

// roundTime leaves about three digits.
func roundTime(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}
