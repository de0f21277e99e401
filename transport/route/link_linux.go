// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/internal/rtnl"
)

// mtus are an interface's. That of IPv6 may be smaller, by configuration or by
// router advertisement (RFC 4861, section 4.6.4).
type mtus struct{ v4, v6 int }

// mtu asks for an interface once per generation. The caller holds mu.
func (a *asker) mtu(ifindex int) (mtus, error) {
	if m, ok := a.links[ifindex]; ok {
		return m, nil
	}
	header := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(ifindex))
	answer, err := rtnl.Execute(a.session.Conn, unix.RTM_GETLINK, 0, header, nil)
	if err != nil {
		return mtus{}, err
	}
	var m mtus
	if len(answer) > 0 {
		if m, err = parseLink(answer[0].Data); err != nil {
			return mtus{}, err
		}
	}
	a.links[ifindex] = m
	return m, nil
}

// devconfMTU6 is the place of the MTU in IFLA_INET6_CONF: DEVCONF_MTU6 in
// <linux/ipv6.h>.
const devconfMTU6 = 2

func parseLink(b []byte) (m mtus, err error) {
	ad, err := rtnl.Attributes(b, unix.SizeofIfInfomsg)
	if err != nil {
		return m, err
	}
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_MTU:
			m.v4 = int(rtnl.Uint32(ad.Bytes()))
		case unix.IFLA_AF_SPEC:
			ad.Nested(func(families *netlink.AttributeDecoder) error {
				for families.Next() {
					if families.Type() == unix.AF_INET6 {
						families.Nested(func(v6 *netlink.AttributeDecoder) error {
							for v6.Next() {
								if conf := v6.Bytes(); v6.Type() == unix.IFLA_INET6_CONF && len(conf) >= 4*(devconfMTU6+1) {
									m.v6 = int(rtnl.Uint32(conf[4*devconfMTU6:]))
								}
							}
							return nil
						})
					}
				}
				return nil
			})
		}
	}
	if m.v6 == 0 || m.v6 > m.v4 {
		m.v6 = m.v4
	}
	return m, ad.Err()
}
