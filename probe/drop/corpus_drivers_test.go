package drop

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/kernel"
)

var update = flag.Bool("update", false, "write the table of other people's adapters anew")

// corpusTable is what the counters of other people's adapters mean, and what is found of them: a line for
// each output, "FILE DRIVER", then a line for each class that it has counters of, then the findings.
const corpusTable = "testdata/corpus-ethtool.txt"

// TestCorpusDrivers holds every output of ethtool -S to the committed table. A change of a class shows in it; read it, for
// a harmless counter that becomes a loss shows too. With -update it is written anew.
func TestCorpusDrivers(t *testing.T) {
	folder := corpus(t)
	files, err := filepath.Glob(filepath.Join(folder, "ethtool-S", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no ethtool-S: %v", folder, err)
	}
	of := corpusDrivers(t, folder)
	var b strings.Builder
	for _, path := range files {
		file := "ethtool-S/" + filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		driver := of[file]
		fmt.Fprintf(&b, "%s %s\n", file, driver)
		table, err := kernel.EthtoolStats.Parse(string(text))
		if err != nil {
			number, _, _ := strings.Cut(err.Error(), ":")
			fmt.Fprintf(&b, "\tgarbled: %s\n", number)
			continue
		}
		classes := map[kernel.Class][]string{}
		for _, row := range table {
			for _, field := range row.Fields {
				m := kernel.Means(driver, field)
				if name := anyQueue(field); m.Class != 0 && !slices.Contains(classes[m.Class], name) {
					classes[m.Class] = append(classes[m.Class], name)
				}
			}
		}
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			fmt.Fprintf(&b, "\t%s: %s\n", class, strings.Join(classes[class], ", "))
		}
		for _, said := range corpusFindings(t, driver, string(text)) {
			fmt.Fprintf(&b, "\t=> %s\n", said)
		}
	}
	if *update {
		if err := os.WriteFile(corpusTable, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(corpusTable)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("%s is not what is found: run with -update, and see what changed. Now:\n%s", corpusTable, got)
	}
}

// corpusFindings returns what the rules of adapters say of a host that shows one output, and no more than that it is
// up for a day and received some packets. No finding adds up counters that may count the same packet.
func corpusFindings(t *testing.T, driver, text string) (said []string) {
	s := snapshot(t, "-- /proc/uptime --\n86400.00 1.00\n-- /sys/class/net/*/device/uevent --\neth0 DRIVER="+driver+"\n"+
		"-- /sys/class/net/eth0/statistics/ --\nrx_packets 1000000\ntx_packets 1000000\nrx_missed_errors 0\nrx_errors 0\ntx_errors 0\ntx_dropped 0\n"+
		"-- ethtool -S eth0 --\n"+strings.TrimRight(text, "\n")+"\n")
	sums := map[string]uint64{} // of all queues or priorities
	facts, _ := driverStats.Row(&Case{Snapshot: s}, "eth0", func(string, uint64) bool { return true })
	for _, f := range facts {
		n, _ := f.Get()
		sums[anyQueue(f.Source.Field)] += n.Total
	}
	for _, v := range Judge(adapterRules(), nil, s) {
		for _, f := range v.Findings {
			said = append(said, v.Rule+" "+f.String())
			if f.Loss.Count > 0 && !slices.Contains(slices.Collect(maps.Values(sums)), f.Loss.Count) {
				t.Errorf("%s: %s: it lost %d, which no counter says", v.Rule, f, f.Loss.Count)
			}
		}
	}
	return said
}

// corpusDrivers returns whose the outputs of ethtool -S are, as corpus.tsv says: FILE, kind, driver.
func corpusDrivers(t *testing.T, folder string) map[string]string {
	f, err := os.Open(filepath.Join(folder, "corpus.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	of := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if column := strings.Split(lines.Text(), "\t"); len(column) > 2 && column[1] == "ethtool-S" {
			of[column[0]] = column[2]
		}
	}
	return of
}

// TestKnownDrivers holds the table to its own form: each line has its source, no name stands twice, so that no counter is of
// two classes.
func TestKnownDrivers(t *testing.T) {
	for _, d := range kernel.Drivers() {
		names := map[string]bool{}
		for _, c := range d.Counters {
			if c.Source == "" || c.Class == 0 || c.Level == 0 || len(c.Names) == 0 {
				t.Errorf("%s: %v has no source, class, level or name", d.Names[0], c)
			}
			if c.In != "" && !strings.HasPrefix(c.In, "rx_") && !strings.HasPrefix(c.In, "tx_") {
				t.Errorf("%s: %q is no counter of an interface", d.Names[0], c.In)
			}
			for _, name := range c.Names {
				if names[name] {
					t.Errorf("%s: %s stands twice", d.Names[0], name)
				}
				names[name] = true
				like := strings.ReplaceAll(name, "*", "0")
				if m := kernel.Means(d.Names[0], like); m.Class != c.Class || m.Source != c.Source {
					t.Errorf("%s: %s is %s, and another line calls it %s", d.Names[0], like, c.Class, m.Class)
				}
			}
		}
	}
}
