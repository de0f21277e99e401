// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Report is a message of a socket's error queue: struct sock_extended_err of
// <linux/errqueue.h>, and what comes with it.
type Report struct {
	Errno    uint32
	Origin   uint8 // SO_EE_ORIGIN_*
	Type     uint8
	Code     uint8
	Info     uint32 // the MTU, if that is the reason; the pointer of a parameter problem; SCM_TSTAMP_*
	Data     uint32 // of a transmit stamp: its number
	Offender netip.Addr

	Dst     netip.Addr // where the packet was sent to, as the socket gave it
	Time    int64      // when the error came, Unix nanoseconds; 0 if not told
	Stamp   int64      // the software's transmit stamp, Unix nanoseconds; 0 if there is none
	Payload []byte     // what is quoted, from the IP header on if the socket includes headers

	// Extended is where ICMP extensions (RFC 4884) begin in Payload; 0 if
	// there are none.
	Extended int
}

// OriginStamp is SO_EE_ORIGIN_TIMESTAMPING of <linux/errqueue.h>.
const OriginStamp = unix.SO_EE_ORIGIN_TIMESTAMPING

// An ErrorReader reads error queues. It belongs to one goroutine.
type ErrorReader struct {
	Report Report

	msg     unix.Msghdr
	iov     unix.Iovec
	name    Sockaddr
	control [512]byte
	data    [2048]byte
}

// Next reads one message without blocking, and reports whether there was one.
// Report and what it refers to are valid until the next call.
func (r *ErrorReader) Next(fd int) bool {
	r.iov.Base = &r.data[0]
	r.iov.SetLen(len(r.data))
	for {
		r.msg = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&r.name)), Namelen: unix.SizeofSockaddrInet6, Iov: &r.iov, Control: &r.control[0]}
		r.msg.SetIovlen(1)
		r.msg.SetControllen(len(r.control))
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.msg)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			// The queue may have had no room for an error that was noted
			// nevertheless, and would have epoll report the socket for ever.
			unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			return false
		}
		r.Report.parse(r.control[:min(int(r.msg.Controllen), len(r.control))], r.data[:min(int(n), len(r.data))])
		if r.msg.Namelen > 0 {
			r.Report.Dst = address((*[unix.SizeofSockaddrInet6]byte)(unsafe.Pointer(&r.name))[:min(r.msg.Namelen, unix.SizeofSockaddrInet6)])
		}
		return true
	}
}

// parse reads control messages and payload, over bytes.
func (r *Report) parse(control, payload []byte) {
	*r = Report{Payload: payload}
	for {
		level, kind, d, rest, ok := NextControl(control)
		if !ok {
			return
		}
		control = rest
		switch level<<16 | kind {
		case unix.SOL_IP<<16 | unix.IP_RECVERR, unix.SOL_IPV6<<16 | unix.IPV6_RECVERR:
			r.extended(d)
		case unix.SOL_SOCKET<<16 | unix.SO_TIMESTAMPNS_NEW:
			r.Time = Timespec(d)
		case unix.SOL_SOCKET<<16 | unix.SO_TIMESTAMPING_NEW:
			r.Stamp = Timespec(d)
		}
	}
}

// extended reads struct sock_extended_err and the address behind it.
func (r *Report) extended(d []byte) {
	if len(d) < 16 {
		return
	}
	ne := binary.NativeEndian
	r.Errno, r.Origin, r.Type, r.Code = ne.Uint32(d), d[4], d[5], d[6]
	r.Info, r.Data = ne.Uint32(d[8:]), ne.Uint32(d[12:])
	r.Offender = address(d[16:])
	if r.Origin == unix.SO_EE_ORIGIN_ICMP || r.Origin == unix.SO_EE_ORIGIN_ICMP6 {
		// struct sock_ee_data_rfc4884: len, flags, reserved.
		if n := int(ne.Uint16(d[12:])); n <= len(r.Payload) && d[14]&unix.SO_EE_RFC4884_FLAG_INVALID == 0 {
			r.Extended = n
		}
	}
}

// address reads a sockaddr of either family, without zone.
func address(d []byte) netip.Addr {
	if len(d) < 2 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(d); {
	case family == unix.AF_INET && len(d) >= 8:
		return netip.AddrFrom4([4]byte(d[4:]))
	case family == unix.AF_INET6 && len(d) >= 24:
		return netip.AddrFrom16([16]byte(d[8:])).Unmap()
	}
	return netip.Addr{}
}
