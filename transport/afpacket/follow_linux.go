// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
)

// follow takes in another hardware address or MTU of the interface. Recv and Wait of
// the first queue do that, too, by announcements that who only sends never reads. The
// routes' generation changes with every change of a link.
func (t *Transport) follow() {
	if t.followed.Load() == t.hops.routes.Generation() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	generation := t.hops.routes.Generation() // before the answer, which may be newer
	t.ask()
	t.followed.Store(generation)
}

// ask brings status up to date with what the kernel says of the interface's hardware
// address and MTU. The caller holds mu.
func (t *Transport) ask() {
	f := t.status.Load()
	if f == nil {
		return
	}
	mac, ok := t.askAddr()
	if !ok {
		return // it is gone, which sending tells
	}
	mtu, ok := t.ioctl(unix.SIOCGIFMTU)
	if !ok || int(mtu.Uint32()) == f.MTU && mac == t.hardwareAddr() {
		return
	}
	now := *f
	now.HardwareAddr, now.MTU = mac[:], int(mtu.Uint32())
	if mac == (wire.MAC{}) {
		now.HardwareAddr = nil
	}
	t.status.Store(&now)
}

// askAddr returns the interface's hardware address, zeros if it has none. It fails if
// the interface is gone.
func (t *Transport) askAddr() (mac wire.MAC, ok bool) {
	sa, err := unix.Getsockname(t.member.packet) // which looks at the interface each time
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if err != nil || !ok || ll.Ifindex != t.link.index || int(ll.Halen) > len(ll.Addr) {
		return mac, false
	}
	copy(mac[:], ll.Addr[:ll.Halen])
	return mac, true
}

// ioctl asks the kernel about the interface, by a call of netdevice(7), whatever the
// interface's name is by now. It fails if that is gone.
func (t *Transport) ioctl(call uintptr) (ifr *unix.Ifreq, ok bool) {
	ifr, err := unix.NewIfreq(t.cfg.Interface)
	if err != nil {
		return nil, false
	}
	ifr.SetUint32(uint32(t.link.index))
	for _, call := range []uintptr{unix.SIOCGIFNAME, call} { // the one has the name filled in for the other
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(t.member.packet), call, uintptr(unsafe.Pointer(ifr)))
		if errno != 0 {
			return nil, false
		}
	}
	return ifr, true
}

// tooBig is the error about a packet that the kernel found larger than the MTU, which
// it does before it announces another one.
func (t *Transport) tooBig(size int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ask()
	e := &transport.TooBigError{Size: size}
	if f := t.status.Load(); f != nil && f.MTU < size { // or it is another one again
		e.MTU = f.MTU
	}
	return e
}
