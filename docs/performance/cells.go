// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"slices"
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
	ring  string // the tests of package ring
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
	{name: "C TPACKET_V3 walk, touched first", mode: "v3touched"},
	{name: "protean ring V3 alone", worker: "rx-ring"},
	{name: "protean afpacket V3", worker: "rx-afp-v3", many: true},
	{name: "Go floor TPACKET_V3", worker: "rx-floor"},
	{name: "gopacket fork afpacket", worker: "rx-afpacket", many: true},
	{name: "gopacket afpacket", worker: "rx-google"},
	{name: "gopacket fork afpacket, decoding", worker: "rx-afpacket-decode"},
	{name: "protean afpacket V2", worker: "rx-afp-v2"},
	{name: "C recvmmsg packet", mode: "packet"},
	{name: "protean afpacket, no ring", worker: "rx-afp-none"},
	{name: "mdlayher/packet", worker: "rx-mdlayher"},
	{name: "gVisor fdbased PacketMMap", worker: "rx-gvisor-mmap"},
	{name: "gVisor fdbased RecvMMsg", worker: "rx-gvisor-recvmmsg"},
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
	{name: "trafgen", worker: "tx-trafgen"},
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
	{name: "protean afpacket V2", worker: "echo-afp-v2", options: []string{"block=65536", "blocks=32"}}, // as the reference has
	{name: "protean afpacket, no ring", worker: "echo-afp-none"},
	{name: "protean afpacket V3, 1 ms", worker: "echo-afp-v3", options: []string{"timeout=1"}},
	{name: "net.IPConn", worker: "echo-net"},
	{name: "mdlayher/packet", worker: "echo-mdlayher"},
	{name: "gVisor stack, PacketMMap", worker: "echo-gvisor-mmap"},
	{name: "gVisor stack, RecvMMsg", worker: "echo-gvisor-recvmmsg"},
}

// receiver returns how a receiver is started: by its mode if it is a reference,
// otherwise by its options and more of them.
func (b *bench) receiver(p program, args, options []string) measure.Command {
	if p.mode != "" {
		return b.ref("rx", append([]string{p.mode, lab.Interface}, args...)...)
	}
	return b.worker(p.worker, append(slices.Clone(p.options), options...)...)
}

// receive makes a cell of a receiver under a load. args are for a reference,
// options for a worker.
func receive(table string, p program, x float64, load measure.Load, args, options []string) cell {
	return cell{Table: table, Name: p.name, X: x, run: func(b *bench) (measure.Sample, error) {
		l := load
		l.For = b.seconds(0.8)
		return measure.Receive(b.lab, b.p, b.receiver(p, args, options), l)
	}}
}

// send makes a cell of a sender of frames of so many bytes. With more than one
// piece they are what is cut.
func send(table string, p program, x float64, size, batch, pieces int) cell {
	return cell{Table: table, Name: p.name, X: x, run: func(b *bench) (measure.Sample, error) {
		return measure.Send(b.lab, b.sender(p, size, batch), b.seconds(0.8), pieces)
	}}
}

func (b *bench) sender(p program, size, batch int) measure.Command {
	mac, src, dst := lab.NowhereMAC.String(), b.lab.SrcA.String(), lab.Nowhere.String()
	if p.mode != "" {
		return b.ref("tx", p.mode, lab.Interface, mac, src, dst, fmt.Sprint(size), fmt.Sprint(batch))
	}
	return b.worker(p.worker, "mac="+mac, "src="+src, "dst="+dst, option("size", size), option("batch", batch))
}

func (b *bench) responder(p program) measure.Command {
	if p.mode != "" {
		return b.ref("echo", p.mode, lab.Interface)
	}
	return b.worker(p.worker, append([]string{"src=" + b.lab.SrcA.String(), "mac=" + b.lab.MACA.String()}, p.options...)...)
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
			cells = append(cells, receive(l.table, p, 0, l.load, nil, nil))
		}
	}
	return cells
}

func txCells() (cells []cell) {
	for _, size := range []int{60, 1500} {
		for _, p := range senders {
			cells = append(cells, send(fmt.Sprintf("tx %d B", size), p, 0, size, worker.Batch, 0))
		}
	}
	return cells
}

func rttCells() (cells []cell) {
	for _, at := range []struct {
		table string
		cpu   string
	}{{"rtt same CPU", measure.SenderCPU}, {"rtt other CPU", measure.ReceiverCPU}} {
		for _, p := range responders {
			cells = append(cells, cell{Table: at.table, Name: p.name, run: func(b *bench) (measure.Sample, error) {
				if err := b.lab.KernelEcho(false); err != nil {
					return nil, err
				}
				defer b.lab.KernelEcho(true)
				count := 2000
				if b.quick {
					count = 300
				}
				return measure.Echo(b.lab, b.p, b.responder(p), at.cpu, count)
			}})
		}
	}
	return cells
}
