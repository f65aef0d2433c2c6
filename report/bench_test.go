package report

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// big is a fleet of n hosts: one in ten loses packets, one in a hundred was not reached.
func big(t testing.TB, n int) []Host {
	t.Helper()
	kinds := fleet(t)
	clean, note := kinds[0], kinds[1]
	losing := slices.DeleteFunc(slices.Clone(kinds), func(h Host) bool { return len(h.Findings) == 0 })
	failed := slices.DeleteFunc(slices.Clone(kinds), func(h Host) bool { return h.Reached() })
	hosts := make([]Host, n)
	for i := range hosts {
		h := clean
		switch {
		case i%100 == 50:
			h = failed[i/100%len(failed)]
		case i%10 == 7:
			h = losing[i/10%len(losing)]
		case i%10 == 3:
			h = note
		}
		h.Name, h.BootID, h.Origin = fmt.Sprintf("host-%05d", i), fmt.Sprint(i), fmt.Sprintf("hosts.txt:%d", i+1)
		h.Findings = slices.Clone(h.Findings)
		for j := range h.Findings {
			if l := h.Findings[j].Loss; l != nil {
				own := *l
				own.PerSecond = digits(*l.PerSecond * float64(i%97+1))
				h.Findings[j].Loss = &own
			}
		}
		hosts[i] = h
	}
	return hosts
}

// BenchmarkNew ranks 10,000 hosts.
func BenchmarkNew(b *testing.B) {
	hosts := big(b, 10000)
	b.ReportAllocs()
	for b.Loop() {
		New(testHead(), Rules(testRules), slices.Clone(hosts), Gates{FailOn: At(drop.High)})
	}
}

// BenchmarkWrite renders 10,000 hosts in each format.
func BenchmarkWrite(b *testing.B) {
	r := New(testHead(), Rules(testRules), big(b, 10000), Gates{})
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := counter(0)
				if err := Write(&n, format, r, Options{Width: 120}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/1e6, "MB")
			}
		})
	}
}

type counter int64

func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return io.Discard.Write(p)
}
