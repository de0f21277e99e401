// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Command ours is the program that is measured where the project is: without what
// the harness and its peers bring along, which would count as its memory.
package main
