// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"protean/transport"
	"protean/transport/rawip"
)

// printer is a sink.
type printer struct{}

func (printer) Deliver(p *transport.Packet) {
	fmt.Printf("%v → %v: %d bytes\n", p.Src(), p.Dst(), len(p.Payload()))
}

func (printer) Event(e *transport.Event) {
	if e.Kind == transport.PacketsLost {
		fmt.Printf("%d packets lost\n", e.Lost)
	}
}

// Print the packets of protocol 253 that come to this host.
func Example() {
	t, err := rawip.Open(nil)
	if p := (*transport.PermissionError)(nil); errors.As(err, &p) {
		log.Fatalf("%s is missing: %s", p.Capability, p.Hint)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	if err := t.Bind(253); err != nil {
		log.Fatal(err)
	}
	q := t.Queues()[0]
	for {
		n, err := q.Recv(printer{}, t.Caps().Batch)
		if n == 0 && err == nil {
			err = q.Wait(time.Time{})
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
