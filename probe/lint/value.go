package lint

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// value judges what a key is set to.
func (j *judge) value(s sysctl.Setting, k *sysctl.Key) {
	at := Place{s.File, s.Line, s.At}
	name := sysctl.Dotted(s.Path)
	add := func(c *Check, severity drop.Severity, message string) { j.add(c, severity, at, name, message) }
	value := s.Value
	if hash, ok := comment(value); ok {
		text := value[hash:]
		value = strings.TrimRight(value[:hash], " \t")
		here := Place{s.File, s.Line, s.At + hash}
		own := "; put the comment on a line of its own"
		switch {
		case k.Type == sysctl.String || k.Type == sysctl.Any || k.Type == sysctl.Ports:
			j.add(&inlineComment, drop.High, here, name, fmt.Sprintf("text after the value (%q) becomes a part of it%s", short(text), own))
		case hash == len(value):
			j.add(&inlineComment, drop.High, here, name, fmt.Sprintf("text after the value (%q) is passed to the kernel, which refuses it%s", short(text), own))
			return
		default:
			j.add(&inlineComment, drop.Low, here, name, fmt.Sprintf("text after the value (%q) is passed to the kernel, which happens to stop reading before it%s", short(text), own))
		}
	}
	switch k.Type {
	case sysctl.String, sysctl.Any:
		if value == "" && k.Type == sysctl.String {
			add(&badValue, drop.High, name+" is set to nothing")
		}
		return
	case sysctl.Ports:
		if why := badPorts(value); why != "" {
			add(&badValue, drop.High, fmt.Sprintf("%s = %s: %s", name, short(value), why))
		}
		return
	}
	fields := strings.Fields(value)
	if len(fields) == 0 {
		add(&badValue, drop.High, name+" is set to nothing: the kernel refuses it")
		return
	}
	var numbers []float64
	for i, field := range fields {
		if k.Count > 0 && i == k.Count {
			break // the kernel reads no further
		}
		n, err := number(field)
		if err != nil {
			add(&badValue, drop.High, fmt.Sprintf("%s = %s: the kernel refuses %q, which is no whole number", name, short(value), short(field)))
			return
		}
		if octal(field) {
			add(&octalNumber, drop.Medium, fmt.Sprintf("%s begins with a zero, so the kernel reads it as octal: %.0f", short(field), n))
		}
		if why := j.outside(k, n); why != "" {
			add(&outOfRange, drop.High, fmt.Sprintf("%s = %s: the kernel refuses it, %s", name, short(value), why))
			return
		}
		numbers = append(numbers, n)
	}
	switch {
	case k.Count > 1 && len(fields) < k.Count:
		add(&wrongCount, drop.Medium, fmt.Sprintf("%s holds %d numbers, and here are %d: the others stay as they are", name, k.Count, len(fields)))
	case k.Count > 0 && len(fields) > k.Count:
		add(&wrongCount, drop.Medium, fmt.Sprintf("%s holds %d, and here are %d numbers: the kernel ignores the rest", name, k.Count, len(fields)))
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] < numbers[i-1] {
			what := [...]string{"the least", "the default", "the most"}
			switch {
			case k.Path == "net/ipv4/ping_group_range": // nobody, which is its default
			case k.Count == 2:
				add(&badValue, drop.High, fmt.Sprintf("%s = %s: the kernel refuses it, the first is more than the last", name, short(value)))
			default:
				if strings.HasSuffix(k.Path, "_mem") {
					what = [...]string{"where pressure ends", "where it begins", "the limit"}
				}
				add(&minOverMax, drop.Medium, fmt.Sprintf("%s = %s: %s is more than %s", name, short(value), what[i-1], what[i]))
			}
			break
		}
	}
	if strings.HasSuffix(k.Path, "p_mem") && len(numbers) == 3 && numbers[2] >= 1<<24 {
		add(&pagesNotBytes, drop.Low, fmt.Sprintf("%s counts pages of 4 KiB, so %.0f are %.0f GiB: were bytes meant?", name, numbers[2], numbers[2]*4096/(1<<30)))
	}
}

// comment says where a text behind a value begins that was meant as a comment.
func comment(value string) (at int, ok bool) {
	for i := range len(value) {
		if value[i] == '#' || value[i] == ';' && i > 0 && strings.ContainsRune(" \t", rune(value[i-1])) || strings.HasPrefix(value[i:], "//") {
			return i, i > 0
		}
	}
	return 0, false
}

// number reads a number as the kernel does.
//
// Source: kernel/sysctl.c, proc_get_long.
func number(field string) (float64, error) {
	if strings.HasPrefix(field, "+") || strings.Contains(field, "_") || len(field) > 1 && strings.ContainsAny(field[1:2], "bBoO") {
		return 0, strconv.ErrSyntax // Go would read these
	}
	if n, err := strconv.ParseInt(field, 0, 64); err == nil {
		return float64(n), nil
	}
	n, err := strconv.ParseUint(field, 0, 64)
	return float64(n), err
}

func octal(field string) bool {
	digits := strings.TrimPrefix(field, "-")
	return len(digits) > 1 && digits[0] == '0' && digits[1] != 'x' && digits[1] != 'X' && strings.Trim(digits, "0") != ""
}

// outside says why the kernel refuses a number, or "".
func (j *judge) outside(k *sysctl.Key, n float64) string {
	if (j.Kernel == sysctl.Version{} || j.Kernel.Compare(k.Ranged) >= 0) && (n < k.Min || n > k.Max) {
		return "it takes " + k.Range()
	}
	switch {
	case k.Type == sysctl.Int && (n < math.MinInt32 || n > math.MaxInt32),
		k.Type == sysctl.Uint && (n < 0 || n > math.MaxUint32),
		k.Type == sysctl.Bool && n != 0 && n != 1:
		return "it holds a number of type " + string(k.Type)
	}
	return ""
}

// badPorts says what is wrong with a list of ports, or "".
func badPorts(value string) string {
	for part := range strings.SplitSeq(value, ",") {
		low, high, span := strings.Cut(strings.TrimSpace(part), "-")
		if !span {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 32)
		to, err2 := strconv.ParseUint(high, 10, 32)
		switch {
		case err != nil || err2 != nil:
			return fmt.Sprintf("%q is no port and no range of ports", short(part))
		case from > to || to > 65535:
			return fmt.Sprintf("%q is no range of ports", short(part))
		}
	}
	return ""
}
