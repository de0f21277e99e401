// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"protean/docs/performance/internal/measure"
)

// read returns what Write has written about a part: the rows from its JSON, their
// samples from its CSV. There are none if there are no files.
func read(dir, part string) (rows []*Row, m Machine, err error) {
	text, err := os.ReadFile(filepath.Join(dir, part+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, m, nil
	}
	if err != nil {
		return nil, m, err
	}
	var file summaryFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, m, fmt.Errorf("%s.json: %w", part, err)
	}
	for _, s := range file.Rows {
		date := s.Date
		if date == "" {
			date = file.Machine.Date
		}
		rows = append(rows, &Row{Table: s.Table, Name: s.Name, X: s.X, Failed: s.Failed, Date: date})
	}
	text, err = os.ReadFile(filepath.Join(dir, part+".csv"))
	if err != nil {
		return nil, m, err
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, m, fmt.Errorf("%s.csv: %w", part, err)
	}
	if len(lines) == 0 || !slices.Equal(lines[0], heading) {
		return nil, m, fmt.Errorf("%s.csv: it does not begin with %v", part, heading)
	}
	for _, l := range lines[1:] {
		if err := add(rows, l); err != nil {
			return nil, m, fmt.Errorf("%s.csv: %v: %w", part, l, err)
		}
	}
	return rows, file.Machine, nil
}

// add adds a line of CSV to the row that it is about.
func add(rows []*Row, l []string) error {
	x, errX := strconv.ParseFloat(l[2], 64)
	round, errRound := strconv.Atoi(l[3])
	v, errV := strconv.ParseFloat(l[6], 64)
	if err := errors.Join(errX, errRound, errV); err != nil {
		return err
	}
	r := find(rows, l[0], l[1], x)
	if r == nil {
		return errors.New("no such row")
	}
	switch round - len(r.Samples) {
	case 0:
	case 1:
		r.Samples, r.Loads = append(r.Samples, measure.Sample{}), append(r.Loads, l[4])
	default:
		return errors.New("rounds out of order")
	}
	r.Samples[round-1][l[5]] = v
	return nil
}

// merge replaces tables of an earlier run by those measured now, as a whole: what
// is compared was measured in one run.
func merge(old, now []*Row) (out []*Row) {
	fresh := tables(now)
	for _, t := range tables(old) {
		i := slices.IndexFunc(fresh, func(f []*Row) bool { return f[0].Table == t[0].Table })
		if i >= 0 {
			t = fresh[i]
			fresh = slices.Delete(fresh, i, i+1)
		}
		out = append(out, t...)
	}
	for _, t := range fresh {
		out = append(out, t...)
	}
	return out
}
