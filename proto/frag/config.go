// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "time"

// A Config configures a Reassembler. The zero Config and nil mean the defaults.
type Config struct {
	// Policy decides about overlaps; the default is Drop.
	Policy Policy

	// Duplicates says whether duplicates are compared with what is held.
	Duplicates DuplicateMode

	// ECN says how codepoints are combined.
	ECN ECNMode

	// TrimOdd accepts an IPv4 fragment that is not the last and whose length is
	// no multiple of eight, without its last bytes, as Linux does. By default
	// it is dropped.
	TrimOdd bool

	// Tombstone keeps the verdict on a datagram that was dropped for an overlap
	// or a conflict until its time would have been over: fragments of it that
	// arrive later are dropped too, as RFC 5722 section 4 asks. By default it
	// is forgotten, so that a sender can try again.
	Tombstone bool

	// Timeout4 and Timeout6 are how long a datagram may take from its first
	// fragment to arrive on; later fragments do not extend it. The defaults are
	// those of Linux: 30 seconds for IPv4, 60 seconds for IPv6 (RFC 8200). When
	// more than half of MaxBytes is in use the time shrinks, down to one second
	// when it is full; under the Linux policy it does not.
	Timeout4, Timeout6 time.Duration

	// MaxBytes limits the memory that fragments use, bookkeeping included; the
	// default is 16 MiB, the least 256 KiB. What was allocated is used again, and
	// given back by Flush only: data stay within the limit, bookkeeping that
	// was needed at another time can come to about as much again. Two buffers of
	// 64 KiB, for the datagram that is put together and for the one that is
	// returned, are beside it.
	MaxBytes int

	// MaxDatagrams limits the number of incomplete datagrams; the default is
	// 16384.
	MaxDatagrams int

	// MaxFragments limits the number of fragments of one datagram; the default
	// is 128, under the Linux policy 8192, which is the most there can be.
	MaxFragments int

	// MinFragment is the least length in bytes of the data of a fragment that
	// is not the last. The default is 0, no limit; 256 keeps off floods of tiny
	// fragments from hostile networks.
	MinFragment int

	// RFC1858 drops IPv4 fragments that could hide a TCP header from filters:
	// of TCP, at offset 8, or the first with less than 20 bytes (RFC 1858, RFC
	// 3128).
	RFC1858 bool

	// MinTTL is the least TTL or hop limit of a fragment.
	MinTTL uint8

	// MaxDistance drops what is held of an IPv4 datagram if this many fragments
	// of other datagrams, or more, arrived from its source since its latest
	// fragment: what Linux does for ipfrag_max_dist = 64. The default is 0, no
	// limit.
	MaxDistance int

	// OnExpire, if not nil, is called for every datagram that was not complete
	// in time, from within Feed or Expire; it must not call the Reassembler.
	OnExpire func(*Expired)
}

// The defaults and bounds of Config.
const (
	defaultTimeout4  = 30 * time.Second
	defaultTimeout6  = 60 * time.Second
	defaultBytes     = 16 << 20
	minBytes         = 256 << 10
	maxBytes         = 1 << 30
	defaultDatagrams = 16384
	maxDatagrams     = 1 << 24
	defaultFragments = 128
	maxFragments     = 8192 // 65536 bytes in fragments of eight
	leastTimeout     = time.Second
)

// withDefaults returns c with every default filled in and every number brought
// into its bounds.
func (c *Config) withDefaults() Config {
	var d Config
	if c != nil {
		d = *c
	}
	if d.Policy >= numPolicies {
		d.Policy = Drop
	}
	if d.Timeout4 <= 0 {
		d.Timeout4 = defaultTimeout4
	}
	if d.Timeout6 <= 0 {
		d.Timeout6 = defaultTimeout6
	}
	if d.MaxBytes <= 0 {
		d.MaxBytes = defaultBytes
	}
	d.MaxBytes = max(minBytes, min(d.MaxBytes, maxBytes))
	if d.MaxDatagrams <= 0 {
		d.MaxDatagrams = defaultDatagrams
	}
	d.MaxDatagrams = min(d.MaxDatagrams, maxDatagrams)
	if d.MaxFragments <= 0 {
		d.MaxFragments = defaultFragments
		if d.Policy == Linux {
			d.MaxFragments = maxFragments
		}
	}
	d.MaxFragments = min(d.MaxFragments, maxFragments)
	return d
}
