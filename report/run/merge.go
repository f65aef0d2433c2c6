package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fleetdrop/fleetdrop/report"
)

// oneScan is how far apart the shards of one scan may begin: jobs wait in queues. What is
// further apart is of two scans.
const oneScan = 24 * time.Hour

// A part is a run of a shard.
type part struct {
	path string
	meta
}

// Merge joins the shards of one scan: what it returns is the whole, as if one controller had
// scanned it. Each path is a run, or a folder of runs. They must be of the same inventory,
// policy and rules, and of one number of shards. A host that is in several of them, as when
// a shard ran again, is taken once, from the latest run. One that is in none failed, with
// the code shard-missing.
func Merge(paths []string) (*Saved, error) {
	parts, err := parts(paths)
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		if err := p.fits(parts[0]); err != nil {
			return nil, err
		}
	}
	// The latest first: a host is taken from the first that has it.
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(b.Run.Started.Compare(a.Run.Started), cmp.Compare(b.Run.ID, a.Run.ID))
	})
	newest := parts[0]
	for _, p := range parts {
		if newest.Run.Started.Sub(p.Run.Started) > oneScan {
			return nil, fmt.Errorf("%s began %s, and %s %s: these are shards of two scans; name the runs of one", p.path,
				p.Run.Started.Format(time.DateTime), newest.path, newest.Run.Started.Format(time.DateTime))
		}
	}
	began, ended := newest.Run.Started, newest.Run.Started
	for _, p := range parts {
		if p.Run.Started.Before(began) {
			began = p.Run.Started
		}
		if end := p.Run.Started.Add(time.Duration(p.Run.Duration * float64(time.Second))); end.After(ended) {
			ended = end
		}
	}
	head := report.Head{Schema: report.Schema, Tool: newest.Tool, Run: newest.Run, Policy: joined(parts)}
	head.Run.ID, head.Run.Shard, head.Run.Interrupted = NewID(began), "", false
	head.Run.Started, head.Run.Duration = began, ended.Sub(began).Seconds()
	return &Saved{Head: head, Rules: newest.Rules, Of: newest.Of, lines: all(parts)}, nil
}

// all reads the lines of the hosts of all parts, each host from the first that has it, and then
// a line for each that no run has.
func all(parts []part) func(yield func(line []byte) error) error {
	return func(yield func(line []byte) error) error {
		seen := map[string]bool{}
		for _, p := range parts {
			if err := p.hosts(p.path)(func(line []byte) error {
				var of struct {
					Name string `json:"name"`
				}
				if err := json.Unmarshal(line, &of); err != nil || seen[of.Name] {
					return err
				}
				seen[of.Name] = true
				return yield(line)
			}); err != nil {
				return err
			}
		}
		return missing(parts, seen, yield)
	}
}

// joined is the policy with what its waivers did in all parts. One that a part found unused may
// be for hosts of another.
func joined(parts []part) *report.Policy {
	if parts[0].Policy == nil {
		return nil
	}
	all := &report.Policy{Files: parts[0].Policy.Files, Waivers: slices.Clone(parts[0].Policy.Waivers)}
	for i := range all.Waivers {
		w := &all.Waivers[i]
		w.Findings = 0
		counted := map[string]bool{} // a shard that ran again counts once
		for _, p := range parts {
			if p.Policy == nil || i >= len(p.Policy.Waivers) || counted[p.Run.Shard] {
				continue
			}
			counted[p.Run.Shard] = true
			w.Findings += p.Policy.Waivers[i].Findings
			if state := p.Policy.Waivers[i].State; state == report.WaiverExpired || state == report.WaiverEnding {
				w.State = state
			}
		}
		if w.State == report.WaiverUnused {
			w.State = report.WaiverActive
		}
	}
	return all
}

// missing makes a line for each host that no run has.
func missing(parts []part, seen map[string]bool, yield func(line []byte) error) error {
	there := map[string]bool{}
	for _, p := range parts {
		there[p.Run.Shard] = true
	}
	return eachLine(filepath.Join(parts[0].path, allFile), func(line []byte) error {
		var m Member
		if err := decode(line, &m); err != nil || seen[m.Name] {
			return err
		}
		seen[m.Name] = true
		said := "there is no run of shard " + m.Shard
		if there[m.Shard] {
			said = "the run of shard " + m.Shard + " ended before it came to this host"
		}
		m.Error = &report.Error{Code: "shard-missing", Message: said, Hint: "scan with --shard " + m.Shard + " again, and merge again"}
		line, err := report.Line(m.Host)
		if err != nil {
			return err
		}
		return yield(line)
	})
}

// parts finds the runs. In a folder of runs, those count that are of a shard.
func parts(paths []string) (all []part, _ error) {
	for _, path := range paths {
		m, err := readMeta(path)
		if err == nil {
			if m.Run.Shard == "" {
				return nil, fmt.Errorf("%s is no shard: merge joins runs of \"scan --shard\"", path)
			}
			all = append(all, part{path, m})
			continue
		}
		ids, listErr := list(path)
		if listErr != nil || len(ids) == 0 {
			if !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
			return nil, fmt.Errorf("%s is no run, and no folder of runs", path)
		}
		before := len(all)
		for _, id := range ids {
			m, err := readMeta(filepath.Join(path, id))
			if err != nil {
				return nil, err
			}
			if m.Run.Shard != "" {
				all = append(all, part{filepath.Join(path, id), m})
			}
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s has no run of a shard: merge joins runs of \"scan --shard\"", path)
		}
	}
	return all, nil
}

// fits says why two runs are not shards of one scan.
func (p part) fits(other part) error {
	_, of, _ := strings.Cut(p.Run.Shard, "/")
	_, otherOf, _ := strings.Cut(other.Run.Shard, "/")
	what := ""
	switch {
	case p.Of.Inventory != other.Of.Inventory:
		what = "inventories: not the same hosts"
	case p.Of.Policy != other.Of.Policy:
		what = "policies"
	case of != otherOf:
		what = fmt.Sprintf("numbers of shards: %s and %s", otherOf, of)
	case !slices.Equal(p.Rules, other.Rules):
		what = "rules: not the same version, --rule or --skip-rule"
	case p.Run.Window != other.Run.Window:
		what = fmt.Sprintf("windows: %gs and %gs", other.Run.Window, p.Run.Window)
	default:
		return nil
	}
	return fmt.Errorf("%s and %s are of different %s", other.path, p.path, what)
}
