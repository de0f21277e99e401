// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import "testing"

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
