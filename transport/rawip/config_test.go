// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"math"
	"strconv"
	"testing"
)

func TestDefaultsOfTheConfig(t *testing.T) {
	for _, c := range []struct {
		cfg   *Config
		batch int
		rate  int
	}{
		{nil, 64, 50_000},
		{&Config{Batch: -5, Rate: -5}, 1, -5},
		{&Config{Batch: 5000, Rate: 7}, 1024, 7},
	} {
		d, err := c.cfg.withDefaults()
		if err != nil || d.Batch != c.batch || d.Rate != c.rate {
			t.Errorf("%+v: %+v, %v", c.cfg, d, err)
		}
	}
}

func TestBuffersBeyondWhatTheKernelTakesAreRefused(t *testing.T) {
	if strconv.IntSize == 32 {
		return // there are none
	}
	more := math.MaxInt32
	more++ // a constant would not compile there
	for _, c := range []Config{{RcvBuf: more}, {SndBuf: more}, {RcvBuf: math.MaxInt}, {SndBuf: math.MaxInt}} {
		if _, err := c.withDefaults(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := (&Config{RcvBuf: math.MaxInt32, SndBuf: math.MaxInt32}).withDefaults(); err != nil {
		t.Error(err)
	}
}
