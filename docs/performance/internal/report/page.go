// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// measured is a piece of a page that is written by Page:
//
//	<!-- measured: rx -->
//	...
//	<!-- end -->
var measured = regexp.MustCompile(`(?s)(<!-- measured: ([a-z0-9/-]+) -->\n).*?(<!-- end -->)`)

// Page writes what is in a folder of results into a page, between its comments.
// Besides a part they may name machine, goals, or gc. A folder inside that one has
// what another machine measured, and is named in front: other/goals.
func Page(file, dir string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pieces, err := piecesOf(dir)
	if err != nil {
		return err
	}
	folders, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		return err
	}
	for _, f := range folders {
		name := filepath.Base(filepath.Dir(f))
		more, err := piecesOf(filepath.Dir(f))
		if err != nil {
			return err
		}
		for k, p := range more {
			pieces[name+"/"+k] = p
		}
	}
	var unknown []string
	out := measured.ReplaceAllStringFunc(string(text), func(s string) string {
		m := measured.FindStringSubmatch(s)
		piece, ok := pieces[m[2]]
		if !ok {
			unknown = append(unknown, m[2])
			return s
		}
		return m[1] + "\n" + piece + "\n" + m[3]
	})
	if len(unknown) > 0 {
		return fmt.Errorf("%s: nothing was measured of %s", file, strings.Join(unknown, ", "))
	}
	return os.WriteFile(file, []byte(out), 0o644)
}

// piecesOf are the texts by name.
func piecesOf(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	pieces := map[string]string{}
	var all []*Row
	var latest Machine
	dates := map[string]string{}
	for _, f := range files {
		part := strings.TrimSuffix(filepath.Base(f), ".json")
		rows, m, err := read(dir, part)
		if err != nil {
			return nil, err
		}
		pieces[part] = tablesOf(rows)
		all = append(all, rows...)
		for _, r := range rows {
			dates[part] = max(dates[part], r.Date)
		}
		if cmp.Compare(m.Date, latest.Date) >= 0 {
			latest = m
		}
	}
	pieces["goals"], pieces["gc"] = goalsTable(all), collections(all)
	pieces["machine"] = latest.sentence(dates)
	return pieces, nil
}

// sentence says where and when was measured.
func (m *Machine) sentence(dates map[string]string) string {
	byDate := map[string][]string{}
	for part, d := range dates {
		byDate[d] = append(byDate[d], part)
	}
	var when []string
	for _, d := range slices.Sorted(maps.Keys(byDate)) {
		slices.Sort(byDate[d])
		when = append(when, d+" ("+strings.Join(byDate[d], ", ")+")")
	}
	var versions []string
	for _, path := range slices.Sorted(maps.Keys(m.Versions)) {
		versions = append(versions, path+" "+m.Versions[path])
	}
	return fmt.Sprintf("Measured on %s: %s, %d CPUs, Linux %s, %s, %s; %s.\n",
		strings.Join(when, " and "), m.CPU, m.CPUs, m.Kernel, m.Go, m.C, strings.Join(versions, ", "))
}
