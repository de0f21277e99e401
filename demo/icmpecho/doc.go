// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Icmpecho asks hosts with ICMP echo requests, and answers them, for IPv4 and
// IPv6.
//
//	icmpecho ping -c 3 192.0.2.1           # what ping does, in ping's words
//	icmpecho respond --loss 10 --delay 20ms  # answer in place of the kernel
//	icmpecho ping --transport sim --loss 20  # both, on a network in memory
//
// The pinger and the responder are handlers of package protean/proto and live
// in protean/demo/icmpecho/echo; here are the command line, names, signals and
// the kernel's own responder, which has to be silent while another one answers.
//
// The exit code is 0 when every host has answered, 1 when one has not, and 2
// for any other failure.
package main
