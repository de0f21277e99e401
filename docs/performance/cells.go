// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"time"

	"protean/docs/performance/internal/lab"
	"protean/docs/performance/internal/measure"
	"protean/docs/performance/internal/worker"
)

// A cell is one program under one condition: a row of one table.
type cell struct {
	Table string // such as "rx 60 B, unpaced"
	Name  string // such as "protean afpacket V3"
	X     float64
	run   func(*bench) (measure.Sample, error)
}

// A bench is where cells run.
type bench struct {
	lab   *lab.Lab
	p     measure.Programs
	quick bool
}

// seconds shortens a run if quick is asked for.
func (b *bench) seconds(s float64) time.Duration {
	if b.quick {
		s /= 4
	}
	return time.Duration(s * float64(time.Second))
}

// ref is a reference program, worker one of the Go programs.
func (b *bench) ref(name string, args ...string) measure.Command {
	return measure.Command{File: b.p.C + "/" + name, Args: args}
}

func (b *bench) worker(name string, options ...string) measure.Command {
	options = append([]string{"if=" + lab.Interface}, options...)
	if worker.Ours()[name] != nil {
		return measure.Command{File: b.p.Ours, Args: append([]string{name}, options...)}
	}
	return measure.Command{File: b.p.Peers, Args: append([]string{"worker", name}, options...)}
}

// A program is a receiver, a sender or a responder: a reference program in C
// if mode is set, otherwise a worker.
type program struct {
	name    string
	mode    string
	worker  string
	options []string
	many    bool // worth a row where many conditions are compared
}

var receivers = []program{
	{name: "C TPACKET_V3 walk", mode: "v3", many: true},
	{name: "protean ring V3 alone", worker: "rx-ring"},
	{name: "protean afpacket V3", worker: "rx-afp-v3", many: true},
	{name: "gopacket fork afpacket", worker: "rx-afpacket", many: true},
	{name: "gopacket afpacket", worker: "rx-google"},
	{name: "gopacket fork afpacket, decoding", worker: "rx-afpacket-decode"},
	{name: "protean afpacket V2", worker: "rx-afp-v2"},
	{name: "C recvmmsg packet", mode: "packet"},
	{name: "protean afpacket, no ring", worker: "rx-afp-none"},
	{name: "mdlayher/packet", worker: "rx-mdlayher"},
	{name: "C recvmmsg raw", mode: "raw"},
	{name: "protean rawip", worker: "rx-rawip"},
	{name: "net.IPConn", worker: "rx-net"},
	{name: "x/net ReadBatch", worker: "rx-xnet"},
}

var senders = []program{
	{name: "C sendmmsg packet", mode: "packet"},
	{name: "C transmit ring", mode: "ring"},
	{name: "protean afpacket", worker: "tx-afp"},
	{name: "protean afpacket, transmit ring", worker: "tx-afp-ring"},
	{name: "mdlayher/packet", worker: "tx-mdlayher"},
	{name: "C sendmmsg raw", mode: "raw"},
	{name: "protean rawip", worker: "tx-rawip"},
	{name: "net.IPConn", worker: "tx-net"},
	{name: "x/net WriteBatch", worker: "tx-xnet"},
}

var responders = []program{
	{name: "C raw", mode: "raw"},
	{name: "C packet recv", mode: "packet"},
	{name: "C packet V2", mode: "v2"},
	{name: "protean rawip", worker: "echo-rawip"},
	{name: "protean afpacket V2", worker: "echo-afp-v2"},
	{name: "protean afpacket, no ring", worker: "echo-afp-none"},
	{name: "protean afpacket V3, 1 ms", worker: "echo-afp-v3", options: []string{"timeout=1"}},
	{name: "net.IPConn", worker: "echo-net"},
	{name: "mdlayher/packet", worker: "echo-mdlayher"},
}

// receive makes a cell of a receiver under a load.
func receive(table string, p program, x float64, load measure.Load, options ...string) cell {
	return cell{Table: table, Name: p.name, X: x, run: func(b *bench) (measure.Sample, error) {
		c := b.ref("rx", p.mode, lab.Interface)
		if p.mode == "" {
			c = b.worker(p.worker, append(p.options, options...)...)
		}
		l := load
		l.For = b.seconds(0.8)
		return measure.Receive(b.lab, b.p, c, l)
	}}
}

func rxCells() (cells []cell) {
	for _, l := range []struct {
		table string
		load  measure.Load
	}{
		{"rx 60 B unpaced", measure.Load{Size: 60}},
		{"rx 60 B 200 kpps", measure.Load{Size: 60, Rate: 200_000}},
		{"rx 1500 B unpaced", measure.Load{Size: 1500}},
		{"rx 1500 B 100 kpps", measure.Load{Size: 1500, Rate: 100_000}},
	} {
		for _, p := range receivers {
			cells = append(cells, receive(l.table, p, 0, l.load))
		}
	}
	return cells
}

func txCells() (cells []cell) {
	for _, size := range []int{60, 1500} {
		for _, p := range senders {
			cells = append(cells, cell{Table: fmt.Sprintf("tx %d B", size), Name: p.name, run: func(b *bench) (measure.Sample, error) {
				c := b.ref("tx", p.mode, lab.Interface, lab.NowhereMAC.String(), b.lab.SrcA.String(), lab.Nowhere.String(), fmt.Sprint(size))
				if p.mode == "" {
					c = b.worker(p.worker, "mac="+lab.NowhereMAC.String(), "src="+b.lab.SrcA.String(), "dst="+lab.Nowhere.String(), fmt.Sprintf("size=%d", size))
				}
				return measure.Send(b.lab, c, b.seconds(0.8))
			}})
		}
	}
	return cells
}

func rttCells() (cells []cell) {
	for _, at := range []struct {
		table string
		cpu   int
	}{{"rtt same CPU", 0}, {"rtt other CPU", 1}} {
		for _, p := range responders {
			cells = append(cells, cell{Table: at.table, Name: p.name, run: func(b *bench) (measure.Sample, error) {
				c := b.ref("echo", p.mode, lab.Interface)
				if p.mode == "" {
					c = b.worker(p.worker, p.options...)
				}
				if err := b.lab.KernelEcho(false); err != nil {
					return nil, err
				}
				defer b.lab.KernelEcho(true)
				count := 2000
				if b.quick {
					count = 300
				}
				return measure.Echo(b.lab, b.p, c, at.cpu, count)
			}})
		}
	}
	return cells
}

// scaleCells vary one condition each.
func scaleCells() (cells []cell) {
	for _, p := range receivers {
		if !p.many {
			continue
		}
		for _, flows := range []int{1, 100, 10_000, 100_000} {
			cells = append(cells, receive("scale flows", p, float64(flows), measure.Load{Size: 60, Rate: 200_000, Flows: flows}))
		}
		for _, size := range []int{60, 128, 256, 512, 1024, 1500} {
			cells = append(cells, receive("scale frame size", p, float64(size), measure.Load{Size: size, Rate: 100_000}))
		}
		for _, rate := range []int{1_000, 10_000, 50_000, 100_000, 200_000, 400_000} {
			cells = append(cells, receive("scale rate", p, float64(rate), measure.Load{Size: 60, Rate: rate}))
		}
		if p.worker == "" {
			continue
		}
		for _, kib := range []int{64, 256, 1024, 4096} {
			cells = append(cells, receive("scale block size", p, float64(kib), measure.Load{Size: 60, Rate: 200_000},
				fmt.Sprintf("block=%d", kib<<10), fmt.Sprintf("blocks=%d", 16384/kib)))
		}
	}
	ours := receivers[1]
	for _, queues := range []int{1, 2, 4} {
		cells = append(cells, receive("scale queues", ours, float64(queues), measure.Load{Size: 60, Rate: 200_000, Flows: 1000}, fmt.Sprintf("queues=%d", queues)))
	}
	for _, handlers := range []int{1, 16, 128} {
		cells = append(cells, receive("scale handlers", ours, float64(handlers), measure.Load{Size: 60, Rate: 200_000}, fmt.Sprintf("handlers=%d", handlers)))
	}
	return cells
}
