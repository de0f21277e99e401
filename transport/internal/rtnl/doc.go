// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package rtnl is what the packages that ask the kernel for routes, links and
// neighbours have in common: netlink sockets in a namespace, a few messages of
// rtnetlink(7), and notifications.
package rtnl
