// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"slices"
	"strings"

	"protean/docs/performance/internal/measure"
	"protean/docs/performance/internal/worker"
)

// named returns the program of a name.
func named(all []program, name string) program {
	return all[slices.IndexFunc(all, func(p program) bool { return p.name == name })]
}

func option(key string, v int) string { return fmt.Sprintf("%s=%d", key, v) }

// scaleCells vary one condition each.
func scaleCells() (cells []cell) {
	for _, p := range receivers {
		if !p.many {
			continue
		}
		for _, flows := range []int{1, 100, 10_000, 100_000} {
			cells = append(cells, receive("scale flows", p, float64(flows), measure.Load{Size: 60, Rate: 200_000, Flows: flows}, nil, nil))
		}
		for _, size := range []int{60, 128, 256, 512, 1024, 1500} {
			cells = append(cells, receive("scale frame size", p, float64(size), measure.Load{Size: size, Rate: 100_000}, nil, nil))
		}
		for _, rate := range []int{1_000, 10_000, 50_000, 100_000, 200_000, 400_000} {
			cells = append(cells, receive("scale rate", p, float64(rate), measure.Load{Size: 60, Rate: rate}, nil, nil))
		}
		for _, kib := range []int{64, 256, 1024, 4096} {
			cells = append(cells, receive("scale block size", p, float64(kib), measure.Load{Size: 60, Rate: 200_000},
				[]string{fmt.Sprint(kib), fmt.Sprint(16384 / kib)},
				[]string{option("block", kib<<10), option("blocks", 16384/kib)}))
		}
	}
	cells = append(cells, batchCells()...)
	cells = append(cells, datagramCells()...)
	ours := named(receivers, "protean afpacket V3")
	for _, queues := range []int{1, 2, 4} {
		cells = append(cells, receive("scale queues", ours, float64(queues), measure.Load{Size: 60, Rate: 200_000, Flows: 1000}, nil, []string{option("queues", queues)}))
	}
	for _, handlers := range []int{1, 16, 256} {
		cells = append(cells, receive("scale handlers", ours, float64(handlers), measure.Load{Size: 60, Rate: 200_000}, nil, []string{option("handlers", handlers)}))
	}
	return append(cells, drainCells()...)
}

// batchCells vary how many packets are taken from or given to the kernel at once.
func batchCells() (cells []cell) {
	for _, batch := range []int{1, 4, 16, 64, 256} {
		for _, name := range []string{"C recvmmsg packet", "protean afpacket, no ring", "C recvmmsg raw", "protean rawip", "x/net ReadBatch"} {
			cells = append(cells, receive("scale receive batch", named(receivers, name), float64(batch), measure.Load{Size: 60},
				[]string{fmt.Sprint(batch)}, []string{option("batch", batch)}))
		}
		for _, name := range []string{"C sendmmsg packet", "C transmit ring", "protean afpacket", "protean afpacket, transmit ring", "C sendmmsg raw", "protean rawip", "x/net WriteBatch"} {
			cells = append(cells, send("scale send batch", named(senders, name), float64(batch), 60, batch, 0))
		}
	}
	return cells
}

// datagramCells vary the size of datagrams, in fragments of 1480 bytes of payload.
// Over raw sockets the kernel reassembles; over packet sockets the host does, or
// gopacket's ip4defrag. The kernel cuts what the reference and net.IPConn send;
// our hosts cut themselves.
func datagramCells() (cells []cell) {
	const frame = 1514
	// Reassembled datagrams need buffers of their size.
	buffers := []string{fmt.Sprint(worker.Batch), "65600"}
	for _, pieces := range []int{1, 2, 4, 8, 16, 45} {
		for _, p := range []program{
			named(receivers, "C recvmmsg raw"), named(receivers, "protean rawip"), named(receivers, "net.IPConn"),
			named(receivers, "protean afpacket V3"), named(receivers, "protean afpacket, no ring"),
			{name: "gopacket fork afpacket, ip4defrag", worker: "rx-defrag"},
		} {
			cells = append(cells, receive("scale fragments received", p, float64(pieces), measure.Load{Size: frame, Rate: 100_000, Pieces: pieces}, buffers, nil))
		}
		for _, p := range []program{
			{name: "C sendmmsg raw, cut by the kernel", mode: "kernel"}, named(senders, "protean rawip"), named(senders, "protean afpacket"), named(senders, "net.IPConn"),
		} {
			cells = append(cells, send("scale fragments sent", p, float64(pieces), 34+min(1480*pieces, 65515), worker.Batch, pieces))
		}
	}
	return cells
}

// drainCells compare one queue on one CPU with two on two. Over veth the sender
// needs a CPU, so rings are filled first: the sender has ended when the receiver
// begins. What the two CPUs of the machine give at best is shown by the walk in
// C, once and twice at once, in memory of its own.
func drainCells() (cells []cell) {
	for _, queues := range []int{1, 2} {
		cpus := []string{measure.ReceiverCPU, measure.SenderCPU}[:queues]
		cells = append(cells, cell{Table: "scale drained queues", Name: "C walk in memory", X: float64(queues), run: func(b *bench) (measure.Sample, error) {
			return measure.WalkBeside(b.ref("walk", "60", "64", "100"), cpus...)
		}})
		cells = append(cells, cell{Table: "scale drained queues", Name: "protean afpacket V3", X: float64(queues), run: func(b *bench) (measure.Sample, error) {
			// Blocks are handed over when they are full, not half empty after a while.
			load := measure.Load{Size: 60, Flows: 1000, For: b.seconds(1.2)}
			c := b.worker("rx-drain", option("queues", queues), option("block", 1<<20), option("blocks", 96), option("timeout", 200))
			return measure.Drain(b.lab, b.p, c, strings.Join(cpus, ","), load)
		}})
	}
	return cells
}

// walkCells walk blocks in memory, the same in C and by package ring, no kernel
// involved: 1 MiB, which caches hold, 16 MiB, and 256 MiB, which they do not.
func walkCells() (cells []cell) {
	for _, c := range []struct{ size, walked int }{{60, 10_000}, {1500, 40_000}} { // blocks in about half a second
		size, table, frames := c.size, fmt.Sprintf("walk %d B", c.size), 1<<20/(82+c.size)
		for _, blocks := range []int{1, 16, 256} {
			laps := c.walked / blocks
			cells = append(cells, cell{Table: table, Name: "C TPACKET_V3 walk", X: float64(blocks), run: func(b *bench) (measure.Sample, error) {
				return measure.Walk(b.ref("walk", fmt.Sprint(size), fmt.Sprint(blocks), fmt.Sprint(laps)))
			}}, cell{Table: table, Name: "protean ring V3", X: float64(blocks), run: func(b *bench) (measure.Sample, error) {
				return measure.Walk(measure.Command{File: b.ring, Args: []string{"-test.run=^$", "-test.cpu=1",
					fmt.Sprintf("-test.bench=^BenchmarkWalk$/^len=%d$/^blocks=%d$", size, blocks), fmt.Sprintf("-test.benchtime=%dx", laps*blocks*frames)}})
			}})
		}
	}
	return cells
}
