// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A quantity is a flag with a number that may have a prefix: 20M is 20 million,
// 8Mi is 8 times 2^20.
type quantity int64

var prefixes = []struct {
	name   string
	factor int64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30},
	{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9},
}

const maxQuantity = 1 << 40

// Set implements pflag.Value.
func (q *quantity) Set(s string) error {
	digits, factor := s, int64(1)
	for _, p := range prefixes {
		if rest, ok := strings.CutSuffix(s, p.name); ok {
			digits, factor = rest, p.factor
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > maxQuantity/factor {
		return fmt.Errorf("not a number from 0 to 1024Gi, with k, M, G, Ki, Mi or Gi behind it")
	}
	*q = quantity(n * factor)
	return nil
}

// String implements pflag.Value.
func (q *quantity) String() string {
	n := int64(*q)
	for _, p := range []int{2, 1, 0, 6, 5, 3} { // the largest that leaves no remainder
		if n != 0 && n%prefixes[p].factor == 0 {
			return strconv.FormatInt(n/prefixes[p].factor, 10) + prefixes[p].name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Type implements pflag.Value.
func (q *quantity) Type() string { return "number" }
