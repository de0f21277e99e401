// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !cgo

package worker

import "errors"

func openGoogle(*Options) (session, error) {
	return nil, errors.New("this ring needs cgo, and so a C compiler when the harness is built")
}
