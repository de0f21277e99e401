// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// message builds a control message.
func message(level, kind int, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	if unix.SizeofPtr == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(len(data))))
	}
	binary.NativeEndian.PutUint32(b[unix.SizeofPtr:], uint32(level))
	binary.NativeEndian.PutUint32(b[unix.SizeofPtr+4:], uint32(kind))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

// extendedErr builds struct sock_extended_err with an IPv4 offender.
func extendedErr(origin, typ, code uint8, errno, info, data uint32) []byte {
	b := make([]byte, 32)
	binary.NativeEndian.PutUint32(b, errno)
	b[4], b[5], b[6] = origin, typ, code
	binary.NativeEndian.PutUint32(b[8:], info)
	binary.NativeEndian.PutUint32(b[12:], data)
	binary.NativeEndian.PutUint16(b[16:], unix.AF_INET)
	copy(b[20:], []byte{10, 0, 0, 9})
	return b
}

func TestReportsAreRead(t *testing.T) {
	stamp := make([]byte, 48)
	binary.NativeEndian.PutUint64(stamp, 5)
	binary.NativeEndian.PutUint64(stamp[8:], 7)
	extended := extendedErr(2, 11, 0, 113, 1400, 0)
	binary.NativeEndian.PutUint16(extended[12:], 4)
	var r Report
	r.parse(append(message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, stamp[:16]),
		message(unix.SOL_IP, unix.IP_RECVERR, extended)...), make([]byte, 8))
	if r.Time != 5e9+7 || r.Errno != 113 || r.Origin != 2 || r.Type != 11 || r.Info != 1400 || r.Extended != 4 ||
		r.Offender != netip.MustParseAddr("10.0.0.9") {
		t.Errorf("%+v", r)
	}
	extended[14] = unix.SO_EE_RFC4884_FLAG_INVALID
	if r.parse(message(unix.SOL_IP, unix.IP_RECVERR, extended), make([]byte, 8)); r.Extended != 0 {
		t.Error("extensions with a wrong checksum are taken for such")
	}
	r.parse(append(message(unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, stamp),
		message(unix.SOL_IPV6, unix.IPV6_RECVERR, extendedErr(4, 0, 0, 42, 0, 77))...), nil)
	if r.Stamp != 5e9+7 || r.Origin != OriginStamp || r.Data != 77 || r.Extended != 0 {
		t.Errorf("%+v", r)
	}
}

func FuzzReport(f *testing.F) {
	f.Add(message(unix.SOL_IP, unix.IP_RECVERR, extendedErr(2, 3, 4, 90, 1400, 0xffffffff)), []byte("quoted"))
	f.Add(message(unix.SOL_IPV6, unix.IPV6_RECVERR, make([]byte, 17)), []byte{})
	f.Add(message(unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, make([]byte, 15)), []byte{})
	f.Fuzz(func(t *testing.T, control, payload []byte) {
		var r Report
		r.parse(control, payload)
		if r.Extended < 0 || r.Extended > len(r.Payload) || len(r.Payload) != len(payload) {
			t.Errorf("%+v", r)
		}
	})
}
