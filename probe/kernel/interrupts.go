package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

// Interrupts is /proc/interrupts: how often each interrupt came to each CPU since boot. A
// name such as "eth0-TxRx-3" is what the driver chose. The counters have 32 bits in the
// kernel's own words, "unsigned int".
//
// Source: kernel/irq/proc.c, show_interrupts.
var Interrupts = &probe.Section[IRQs]{
	Read:  probe.Read{File: "/proc/interrupts", Pair: true, Sparse: true},
	Parse: parseIRQs,
}

// Softirqs is /proc/softirqs: how often each kind of deferred work ran on each CPU. NET_RX
// runs once for many packets.
//
// Source: fs/proc/softirqs.c.
var Softirqs = &probe.Section[IRQs]{
	Read:  probe.Read{File: "/proc/softirqs", Pair: true, Sparse: true},
	Parse: parseIRQs,
}

// IRQs is a table with a column for each CPU.
type IRQs []IRQ

// An IRQ is one row of it.
type IRQ struct {
	Name string // "36", "NMI", "NET_RX"
	What string // "PCI-MSI 49152-edge eth4-rx-0": the controller, and who asked for it; none in /proc/softirqs
	CPUs PerCPU
}

// PerCPU is a count for each CPU; one that is not in it counted nothing.
type PerCPU []CPUCount

// A CPUCount is what one CPU counted.
type CPUCount struct {
	CPU   int
	Count uint64
}

// Row returns the row of that name, and an empty one if there is none.
func (t IRQs) Row(name string) IRQ {
	for _, r := range t {
		if r.Name == name {
			return r
		}
	}
	return IRQ{}
}

// Table has a field "cpu0" for each CPU that counted something.
func (t IRQs) Table() probe.Table {
	table := make(probe.Table, len(t))
	for i, r := range t {
		row := probe.Row{Name: r.Name}
		for _, c := range r.CPUs {
			row.Fields, row.Cells = append(row.Fields, "cpu"+strconv.Itoa(c.CPU)), append(row.Cells, c.Count)
		}
		table[i] = row
	}
	return table
}

// Get returns the count of one CPU.
func (p PerCPU) Get(cpu int) uint64 {
	for _, c := range p {
		if c.CPU == cpu {
			return c.Count
		}
	}
	return 0
}

// Since returns what each CPU counted after an earlier sample. Of a counter that went
// back nothing is known, so it is 0.
func (p PerCPU) Since(before PerCPU) PerCPU {
	grown := make(PerCPU, 0, len(p))
	for _, c := range p {
		if was := before.Get(c.CPU); c.Count > was {
			grown = append(grown, CPUCount{c.CPU, c.Count - was})
		}
	}
	return grown
}

// Sum returns the count of all CPUs.
func (p PerCPU) Sum() (sum uint64) {
	for _, c := range p {
		sum += c.Count
	}
	return sum
}

// maxCPUs is above the kernel's own CONFIG_NR_CPUS; a row with more columns is no row of it.
const maxCPUs = 1 << 14

// parseIRQs parses the file as the kernel writes it, and as the script does, which leaves
// out what is zero: "36: 1=243632 PCI-MSI 49152-edge eth4-rx-0".
func parseIRQs(text string) (IRQs, error) {
	t := make(IRQs, 0, strings.Count(text, "\n"))
	slab := make(PerCPU, 0, 4*cap(t))
	var columns []int // the CPUs of the title; those that are offline have no column
	for number, line := range lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		if !ok || strings.Contains(strings.TrimSpace(name), " ") {
			if len(t) > 0 || columns != nil {
				return nil, fmt.Errorf("line %d: not an interrupt: %.80q", number, line)
			}
			var err error
			if columns, err = cpuTitles(line); err != nil {
				return nil, atLine(number, err)
			}
			continue
		}
		irq := IRQ{Name: strings.TrimSpace(name)}
		from, column := len(slab), 0
		rest = strings.TrimSpace(rest)
		for rest != "" {
			word, after, _ := strings.Cut(rest, " ")
			cell, ok := cpuCell(word, columns, column)
			if !ok {
				break
			}
			if cell.Count > 0 {
				slab = append(slab, cell)
			}
			column++
			rest = strings.TrimLeft(after, " ")
		}
		irq.What = rest
		irq.CPUs = slab[from:len(slab):len(slab)]
		t = append(t, irq)
	}
	return t, nil
}

// cpuCell reads "5=123", or "123" in the column of a CPU.
func cpuCell(word string, columns []int, column int) (CPUCount, bool) {
	cpu, count, sparse := strings.Cut(word, "=")
	if !sparse {
		if column >= len(columns) {
			return CPUCount{}, false // the description begins
		}
		n, err := parseUint(word)
		return CPUCount{columns[column], n}, err == nil
	}
	i, err := strconv.ParseUint(strings.TrimPrefix(cpu, "CPU"), 10, 16)
	n, err2 := parseUint(count)
	return CPUCount{int(i), n}, err == nil && err2 == nil && i < maxCPUs
}

// cpuTitles reads "CPU0 CPU1 CPU5".
func cpuTitles(line string) ([]int, error) {
	columns := make([]int, 0, strings.Count(line, "CPU"))
	for word := range words(line) {
		digits, ok := strings.CutPrefix(word, "CPU")
		cpu, err := strconv.ParseUint(digits, 10, 16)
		if !ok || err != nil || cpu >= maxCPUs {
			return nil, fmt.Errorf("not a CPU: %.80q", word)
		}
		columns = append(columns, int(cpu))
	}
	return columns, nil
}
