// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !cgo

package peers

import (
	"errors"

	"protean/docs/performance/internal/worker"
)

func openGoogle(*worker.Options) (worker.Session, error) {
	return nil, errors.New("this ring needs cgo, and so a C compiler when the harness is built")
}
