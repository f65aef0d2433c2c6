package kernel

import (
	"slices"
	"testing"
)

const (
	interrupts = "           CPU0       CPU1       CPU5\n" +
		"  0:         99          0          0   IO-APIC   2-edge      timer\n" +
		" 32:          0         78          1   PCI-MSI 49152-edge      eth4-rx-0\n" +
		"NMI:          0          0          7   Non-maskable interrupts\n" +
		"ERR:          4\n"
	sparseInterrupts = "CPU0 CPU1 CPU5\n0: 0=99 IO-APIC 2-edge timer\n32: 1=78 5=1 PCI-MSI 49152-edge eth4-rx-0\n33: IO-APIC none\n"
	softirqs         = "                    CPU0       CPU1       \n          HI:          0          0\n      NET_RX:        282        265\n"
)

func TestIRQs(t *testing.T) {
	for text, want := range map[string]IRQ{
		interrupts:       {"32", "PCI-MSI 49152-edge      eth4-rx-0", PerCPU{{1, 78}, {5, 1}}},
		sparseInterrupts: {"32", "PCI-MSI 49152-edge eth4-rx-0", PerCPU{{1, 78}, {5, 1}}},
		softirqs:         {"NET_RX", "", PerCPU{{0, 282}, {1, 265}}},
	} {
		table, err := Interrupts.Parse(text)
		got := table.Row(want.Name)
		if err != nil || got.What != want.What || !slices.Equal(got.CPUs, want.CPUs) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	table, _ := Interrupts.Parse(interrupts)
	if got := table.Row("ERR").CPUs; !slices.Equal(got, PerCPU{{0, 4}}) {
		t.Errorf("a row that is shorter: %v", got)
	}
	if n, ok := table.Table().Row("NMI").Get("cpu5"); !ok || n != 7 {
		t.Errorf("NMI of cpu5: %d, %v", n, ok)
	}
	for _, text := range []string{"hello world\n", "CPU0\n 1: 4 timer\nhello\n", "CPU99999\n", "CPU0 CPUx\n"} {
		if table, err := Interrupts.Parse(text); err == nil {
			t.Errorf("%q is %v", text, table)
		}
	}
}

func TestPerCPU(t *testing.T) {
	before, now := PerCPU{{0, 10}, {2, 9}}, PerCPU{{0, 15}, {1, 3}, {2, 4}}
	if got := now.Since(before); !slices.Equal(got, PerCPU{{0, 5}, {1, 3}}) || got.Sum() != 8 {
		t.Errorf("got %v", got)
	}
}

func FuzzParseIRQs(f *testing.F) {
	fuzzParser(f, Interrupts.Parse, func(_ *testing.T, irqs IRQs) { irqs.Table() }, interrupts, sparseInterrupts, softirqs)
}
