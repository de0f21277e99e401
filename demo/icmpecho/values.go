// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// seconds is a flag for a time: a number of seconds, as ping takes it, or a
// number with a unit, such as 20ms.
type seconds time.Duration

func (s *seconds) Type() string { return "seconds" }

func (s *seconds) String() string {
	if *s == 0 {
		return "0" // what the help leaves out
	}
	return time.Duration(*s).String()
}

func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		f, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil {
			return errors.New("not a time in seconds, nor one with a unit such as 20ms")
		}
		switch {
		case f < 0:
			return errors.New("negative")
		case !(f <= math.MaxInt64/1e9/2):
			return errors.New("out of range")
		}
		d = time.Duration(math.Round(f * 1e9))
	}
	if d < 0 {
		return errors.New("negative")
	}
	*s = seconds(d)
	return nil
}

// percent is a flag for a probability: 0 to 100, with a percent sign or
// without.
type percent float64

func (p *percent) String() string { return strconv.FormatFloat(float64(*p)*100, 'g', -1, 64) }
func (p *percent) Type() string   { return "percent" }

func (p *percent) Set(text string) error {
	f, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(f >= 0 && f <= 100) {
		return errors.New("not a percentage, 0 to 100")
	}
	*p = percent(f / 100)
	return nil
}

// octet is a flag for a number of 8 bits, decimal or with 0x.
type octet uint8

func (o *octet) String() string { return strconv.Itoa(int(*o)) }
func (o *octet) Type() string   { return "number" }

func (o *octet) Set(text string) error {
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil {
		return errors.New("not in 0 to 255")
	}
	*o = octet(n)
	return nil
}
