// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	Protocol   = 253
	BufferSize = 16 << 20
	Batch      = 64
)

// Options are what the harness tells a worker, as key=value.
type Options struct {
	Interface string
	Src, Dst  netip.Addr
	MAC       [6]byte // of the next hop, for peers that have no neighbour table
	Size      int     // bytes of an Ethernet frame, without the frame check sequence
	Block     int     // bytes of a ring block
	Blocks    int
	Timeout   int // milliseconds until a block is handed over that is not full
	Queues    int
	Handlers  int
	Batch     int // packets taken from or given to the kernel at once
}

// Payload returns the bytes of payload of a frame of o.Size, which may be larger
// than the MTU.
func (o *Options) Payload() int { return o.Size - 34 }

// A Session is a worker at work.
type Session interface {
	Run() error // until close
	Close()     // from another goroutine; once
	Counted() (packets, lost uint64)
}

// A Marked session is told when what is measured begins (SIGUSR1).
type Marked interface {
	Mark()
}

// A Timed session knows for how long it was at work.
type Timed interface {
	Took() time.Duration
}

// A Foreign session is at work in another program, whose heap is not looked at.
type Foreign interface {
	Foreign()
}

// result is what a worker prints when it ends.
type result struct {
	Packets uint64  `json:"packets"`
	Lost    uint64  `json:"lost"`
	Mallocs *uint64 `json:"mallocs,omitempty"` // since SIGUSR1
	GCs     *uint32 `json:"gcs,omitempty"`     // since SIGUSR1
	NS      int64   `json:"ns,omitempty"`
}

// An Open opens a worker's sockets.
type Open func(*Options) (Session, error)

// Main runs the worker of all that is named by the first argument, and returns
// the exit code.
func Main(args []string, all map[string]Open) int {
	if err := work(args, all); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

func work(args []string, all map[string]Open) error {
	if len(args) == 0 || all[args[0]] == nil {
		return fmt.Errorf("give one of %s", strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	o, err := parse(args[1:])
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	s, err := all[args[0]](o)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	fmt.Println("ready")
	var before, after runtime.MemStats
	for stop := false; !stop; {
		select {
		case err := <-ended:
			return fmt.Errorf("%s ended by itself: %v", args[0], err)
		case sig := <-signals:
			if stop = sig == syscall.SIGTERM; !stop {
				runtime.ReadMemStats(&before)
				if m, ok := s.(Marked); ok {
					m.Mark()
				}
			}
		}
	}
	runtime.ReadMemStats(&after)
	s.Close()
	<-ended // an error here says that it was closed
	packets, lost := s.Counted()
	r := result{Packets: packets, Lost: lost}
	if _, ok := s.(Foreign); !ok {
		r.Mallocs, r.GCs = new(after.Mallocs-before.Mallocs), new(after.NumGC-before.NumGC)
	}
	if t, ok := s.(Timed); ok {
		r.NS = t.Took().Nanoseconds()
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func parse(args []string) (*Options, error) {
	o := &Options{Block: 1 << 20, Blocks: 16, Timeout: 10, Queues: 1, Handlers: 1, Size: 60, Batch: Batch}
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		var err error
		switch key {
		case "if":
			o.Interface = value
		case "src":
			o.Src, err = netip.ParseAddr(value)
		case "dst":
			o.Dst, err = netip.ParseAddr(value)
		case "mac":
			_, err = fmt.Sscanf(value, "%x:%x:%x:%x:%x:%x", &o.MAC[0], &o.MAC[1], &o.MAC[2], &o.MAC[3], &o.MAC[4], &o.MAC[5])
		case "size":
			o.Size, err = strconv.Atoi(value)
		case "block":
			o.Block, err = strconv.Atoi(value)
		case "blocks":
			o.Blocks, err = strconv.Atoi(value)
		case "timeout":
			o.Timeout, err = strconv.Atoi(value)
		case "queues":
			o.Queues, err = strconv.Atoi(value)
		case "handlers":
			o.Handlers, err = strconv.Atoi(value)
		case "batch":
			o.Batch, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("unknown")
		}
		if err != nil {
			return nil, fmt.Errorf("option %q: %w", a, err)
		}
	}
	return o, nil
}
