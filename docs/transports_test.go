// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/netlab"
	"protean/transport/ping"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// TestCapabilitiesInTheGuideAreThoseOfTheCode compares the table in
// transports.md, cell by cell, with the Caps that the transports report.
func TestCapabilitiesInTheGuideAreThoseOfTheCode(t *testing.T) {
	columns := map[string]transport.Caps{}
	for name, cfg := range map[string]*sim.Config{"sim": nil, "sim, Live": {Live: true}} {
		n := sim.New(cfg)
		defer n.Close()
		node, err := n.Node("a")
		if err != nil {
			t.Fatal(err)
		}
		tr, err := node.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		columns[name] = tr.Caps()
	}
	t.Run("in memory", func(t *testing.T) { compare(t, columns) })
	t.Run("raw sockets", func(t *testing.T) {
		lab := netlab.Test(t, netlab.Pair())
		columns := map[string]transport.Caps{}
		for name, cfg := range map[string]rawip.Config{
			"rawip, Included": {}, "rawip, Kernel": {Header: rawip.Kernel}, "rawip, SendOnly": {SendOnly: true},
		} {
			cfg.NetNS = lab.Node("a").NetNS()
			tr, err := rawip.Open(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			columns[name] = tr.Caps()
		}
		tr, err := afpacket.Open(&afpacket.Config{Interface: "eth0", NetNS: lab.Node("a").NetNS()})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		columns["afpacket"] = tr.Caps()
		if err := lab.Node("a").Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
			t.Fatal(err)
		}
		pt, err := ping.Open(&ping.Config{NetNS: lab.Node("a").NetNS()})
		if err != nil {
			t.Fatal(err)
		}
		defer pt.Close()
		columns["ping"] = pt.Caps()
		compare(t, columns)
	})
}

// compare checks the columns of the given names.
func compare(t *testing.T, columns map[string]transport.Caps) {
	t.Helper()
	head, rows := capsTable(t)
	for name, caps := range columns {
		col := -1
		for i, h := range head {
			if h == name {
				col = i
			}
		}
		if col < 0 {
			t.Errorf("there is no column %q among %q", name, head)
			continue
		}
		v := reflect.ValueOf(caps)
		for i := range v.NumField() {
			field := v.Type().Field(i).Name
			row := rows[field]
			if len(row) != len(head) {
				t.Errorf("the row of Caps.%s has %d cells, the table %d columns", field, len(row), len(head))
			} else if want := cell(v.Field(i).Interface()); row[col] != want {
				t.Errorf("Caps.%s of %s is said to be %q, and is %q", field, name, row[col], want)
			}
		}
		if len(rows) != v.NumField() {
			t.Errorf("the table has %d rows, Caps %d fields", len(rows), v.NumField())
		}
	}
}

// capsTable returns the table whose first column is headed "Caps".
func capsTable(t *testing.T) (head []string, rows map[string][]string) {
	t.Helper()
	for _, l := range strings.Split(read(t, "docs/transports.md"), "\n") {
		if !strings.HasPrefix(l, "|") {
			if head != nil {
				return head, rows
			}
			continue
		}
		cells := strings.Split(strings.Trim(l, "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		switch {
		case head == nil && cells[0] == "Caps":
			head, rows = cells, map[string][]string{}
		case head != nil && !strings.HasPrefix(cells[0], "--"):
			rows[cells[0]] = cells
		}
	}
	t.Fatal("transports.md has no table of Caps with text behind it")
	return nil, nil
}

// cell is how the table writes a value.
func cell(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "–"
	case transport.TimeSource:
		return [...]string{"none", "user", "kernel", "hardware"}[v]
	case transport.Field:
		switch v {
		case transport.FieldsAll4, transport.FieldsAll6:
			return "all"
		case transport.FieldsAll4 &^ (transport.FieldID | transport.FieldDF):
			return "all but FieldID and FieldDF"
		}
	}
	return fmt.Sprint(v)
}
