package kernel

import (
	"strings"
	"testing"
)

// The titles of all kernels: those of 2.6.32, of 4.0, of 5.10 and of 6.1.
var conntrackTitles = []string{
	"entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete",
	"entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart",
	"entries  clashres found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart",
	"entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart",
}

// TestConntrackKernels finds each column by its title, whatever stands where.
func TestConntrackKernels(t *testing.T) {
	for _, titles := range conntrackTitles {
		fields := strings.Fields(titles)
		var b strings.Builder
		b.WriteString(titles + "\n")
		for i := range fields {
			b.WriteString([]string{"00000001 ", "ffffffff "}[i%2])
		}
		b.WriteString("\n")
		table, err := Conntrack.Parse(b.String())
		if err != nil || len(table) != 1 {
			t.Fatalf("%q: %v, %v", titles, err, table)
		}
		for i, field := range fields {
			if got, ok := table.Row("cpu0").Get(field); !ok || got != []uint64{1, 1<<32 - 1}[i%2] {
				t.Errorf("%q: %s is %d, %v", titles, field, got, ok)
			}
		}
		if got, ok := table.Row("cpu0").Get("searched"); ok != strings.Contains(titles, "searched") {
			t.Errorf("%q: searched is %d, %v", titles, got, ok)
		}
	}
}

// TestConntrackProcfs reads the recordings as prometheus/procfs does. That goes by position,
// so the two columns which got new names are left out.
func TestConntrackProcfs(t *testing.T) {
	for name, text := range recorded(t, Conntrack.ID()) {
		table, err := Conntrack.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := procFS(t, "net/stat/nf_conntrack", text).ConntrackStat()
		if err != nil || len(want) != len(table) {
			t.Fatalf("%s: %v, %d rows, procfs has %d", name, err, len(table), len(want))
		}
		for cpu, w := range want {
			for field, n := range map[string]uint64{
				"entries": w.Entries, "found": w.Found, "invalid": w.Invalid, "ignore": w.Ignore, "insert": w.Insert,
				"insert_failed": w.InsertFailed, "drop": w.Drop, "early_drop": w.EarlyDrop, "search_restart": w.SearchRestart,
			} {
				if got, ok := table[cpu].Get(field); !ok || got != n {
					t.Errorf("%s: cpu%d %s is %d, procfs says %d", name, cpu, field, got, n)
				}
			}
		}
	}
}
