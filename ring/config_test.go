// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"math"
	"syscall"
	"testing"
	"time"
)

func TestSizesThatCannotBeAreNamed(t *testing.T) {
	for _, c := range []struct {
		cfg   RxConfig
		field string
	}{
		{RxConfig{BlockSize: 1000}, "BlockSize"},
		{RxConfig{BlockSize: -4096}, "BlockSize"},
		{RxConfig{Blocks: -1}, "Blocks"},
		{RxConfig{Blocks: math.MaxInt32}, "Blocks"},
		{RxConfig{V2: true, FrameSize: 100}, "FrameSize"},
		{RxConfig{V2: true, FrameSize: 130}, "FrameSize"},
		{RxConfig{V2: true, FrameSize: 1 << 20}, "FrameSize"},
		{RxConfig{V2: true, FrameSize: 128, BlockSize: 1 << 30, Blocks: 1 << 10}, "Blocks"},
		{RxConfig{Retire: 1 << 62}, "Retire"},
		{RxConfig{Reserve: 8}, "Reserve"},
		{RxConfig{Reserve: -16}, "Reserve"},
		{RxConfig{Reserve: 1 << 20}, "Reserve"},
	} {
		var bad *ConfigError
		if _, err := c.cfg.withDefaults(); !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%+v: %v, want %s named", c.cfg, err, c.field)
		}
	}
	for _, c := range []struct {
		cfg   TxConfig
		field string
	}{
		{TxConfig{FrameSize: 100}, "FrameSize"},
		{TxConfig{FrameSize: 3000}, "FrameSize"},
		{TxConfig{FrameSize: 1 << 20}, "FrameSize"},
		{TxConfig{Frames: -1}, "Frames"},
		{TxConfig{Frames: math.MaxInt32}, "Frames"},
		{TxConfig{MaxFrame: -1}, "MaxFrame"},
	} {
		var bad *ConfigError
		if _, err := c.cfg.withDefaults(); !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%+v: %v, want %s named", c.cfg, err, c.field)
		}
	}
}

// What 32 bits cannot address is refused, whatever the kernel has memory for.
func TestARingThatHasNoAddressesIsRefused(t *testing.T) {
	for _, c := range []TxConfig{
		{Frames: 20_000, FrameSize: 64 << 10, Room: maxRoom},
		{Frames: math.MaxInt32 / 128, FrameSize: 128}, // rounded up
	} {
		var bad *ConfigError
		_, err := c.withDefaults()
		if refused := errors.As(err, &bad) && bad.Field == "Frames"; refused != (math.MaxInt == math.MaxInt32) {
			t.Errorf("%+v: %v, with addresses up to %#x", c, err, math.MaxInt)
		}
	}
}

func TestDefaultsAreUsable(t *testing.T) {
	for _, c := range []*RxConfig{nil, {}, {V2: true}} {
		d, err := c.withDefaults()
		if err != nil || d.BlockSize != DefaultBlockSize || d.Blocks != DefaultBlocks || d.FrameSize != DefaultFrameSize || d.Retire != DefaultRetire {
			t.Errorf("%+v, %v", d, err)
		}
	}
	if d, err := (*RxConfig)(nil).withDefaults(); err != nil || d.V2 {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := (*TxConfig)(nil).withDefaults(); err != nil || d.Frames != DefaultTxFrames || d.MaxFrame != DefaultFrameSize-txData {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := (&RxConfig{Retire: -time.Second}).withDefaults(); err != nil || d.Retire >= 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

// With Shrink a ring that there is no memory for gets smaller; without it, or for
// other errors, it does not.
func TestARingShrinksToTheMemoryThereIs(t *testing.T) {
	noMemory := &OptionError{"PACKET_RX_RING", syscall.ENOMEM}
	c := RxConfig{Blocks: 100, Shrink: true}
	if err := c.halve(func() error {
		if c.Blocks > 20 {
			return noMemory
		}
		return nil
	}); err != nil || c.Blocks != 12 {
		t.Errorf("%d blocks, %v", c.Blocks, err)
	}
	if err := c.halve(func() error { return noMemory }); !errors.Is(err, syscall.ENOMEM) || c.Blocks != 1 {
		t.Errorf("%d blocks, %v", c.Blocks, err)
	}
	for _, other := range []struct {
		cfg RxConfig
		err error
	}{
		{RxConfig{Blocks: 8}, noMemory},
		{RxConfig{Blocks: 8, Shrink: true}, &OptionError{"PACKET_RX_RING", syscall.EBUSY}},
	} {
		if err := other.cfg.halve(func() error { return other.err }); err != other.err || other.cfg.Blocks != 8 {
			t.Errorf("%+v: %v", other.cfg, err)
		}
	}
}
