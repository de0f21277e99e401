// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"os"

	"protean/docs/performance/internal/worker"
)

func main() { os.Exit(worker.Main(os.Args[1:], worker.Ours())) }
