// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"protean/transport/netlab"
)

func Example() {
	code, done, err := netlab.Enter()
	if err != nil {
		log.Fatal(err)
	}
	if done {
		os.Exit(code) // a second process, with more rights, has done the work
	}

	lab, err := netlab.New(netlab.Line(1).WithLinkMTU(1, 1280))
	if err != nil {
		log.Fatal(err)
	}
	defer lab.Close()
	out, err := lab.Node("a").Run(context.Background(), "ping", "-c", "1", lab.Node("b").Addr6().String())
	fmt.Printf("%s%v\n", out, err)
}
