package probe

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Netns is the list of the network namespaces that the login can see, through the processes
// in them, those that are read and those that are not. The script makes it, as a person would
// with this command, but with one process for each. The inode of the file tells namespaces
// apart.
//
// It is Denied where /proc hides the processes of others (hidepid), and Absent where the
// kernel has no /proc/PID/net. Where the login is in one of many namespaces beside each
// other, it holds only those that processes of the login's own have made.
//
// Source: fs/proc/proc_net.c. /proc/PID/ns/net would need the right to trace the process,
// /proc/PID/net does not.
var Netns = &Section[NetnsList]{
	Read:  Read{Command: "ls -i /proc/[0-9]*/net/snmp", Pair: true, Netns: AnyNetns},
	Parse: parseNetns,
}

// A NetnsList is what the list says.
type NetnsList struct {
	All    []Namespace // without what else is known of them
	Denied int         // processes that the login may not look at: theirs may be more
}

// A Namespace is a network namespace of a host beside that of the login, such as a pod's.
type Namespace struct {
	PID       int    // of the process that stands for it
	Process   string // what that calls itself, "nginx"; empty where it is not known
	Container string // what that is in, "docker 0f3a91c2b7d4"; empty if it is no container, or not known
	Pod       string // the UID of the pod that this is in; empty if it is in none
	Key       string // names it from scan to scan, when the number of the process is another; empty unless it is Known
	State     State  // Known; Unread, if there were too many; Absent, if it ended in the window

	inode    string
	sections map[string]*readings // by the names that they have in their own namespace
}

// String names the namespace by its process: "netns of nginx[1234]".
func (n *Namespace) String() string {
	if n.Process == "" {
		return "netns of process " + strconv.Itoa(n.PID)
	}
	return "netns of " + n.Process + "[" + strconv.Itoa(n.PID) + "]"
}

func parseNetns(text string) (list NetnsList, err error) {
	for line := range strings.Lines(text) {
		inode, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, file := processOf(path); file == "net/snmp" {
			list.All = append(list.All, Namespace{PID: pid, inode: inode})
		} else if rest, ok := strings.CutPrefix(line, "ls: "); ok {
			number, _, _ := strings.Cut(rest, " processes: Permission denied")
			n, _ := strconv.Atoi(number)
			list.Denied = max(n, 0)
		} // else the login's own, /proc/self
	}
	return list, nil
}

// processOf parts "/proc/1234/net/snmp"; the number is 0 if it is of no process.
func processOf(path string) (pid int, file string) {
	rest, _ := strings.CutPrefix(path, "/proc/")
	number, file, _ := strings.Cut(rest, "/")
	if pid, err := strconv.Atoi(number); err == nil && pid > 0 && number[0] != '+' {
		return pid, file
	}
	return 0, ""
}

// Namespaces returns the network namespaces beside the login's, in the order of their
// processes.
func (s *Snapshot) Namespaces() []*Namespace {
	if !s.looked {
		s.namespaces, s.looked = s.look(), true
	}
	return s.namespaces
}

// look joins the lists with the files of each namespace. It may be read through another
// process in the last sample, if the one of the first has ended.
func (s *Snapshot) look() (all []*Namespace) {
	last, before := s.list(false), s.list(true)
	if len(last) == 0 && len(before) == 0 {
		return nil
	}
	byInode := make(map[string]*Namespace, len(last))
	byPID := [2]map[int]*Namespace{make(map[int]*Namespace, len(last)), make(map[int]*Namespace, len(before))}
	for i := range last {
		n := &last[i]
		byInode[n.inode], byPID[0][n.PID] = n, n
		all = append(all, n)
	}
	for i := range before {
		n := &before[i]
		if now := byInode[n.inode]; now != nil {
			byPID[1][n.PID] = now
			continue
		}
		n.State = Absent
		all = append(all, n)
	}
	names := map[string]string{} // the same few for all
	for i := range s.Capture.Outputs {
		o := &s.Capture.Outputs[i]
		pid, file := processOf(o.Section)
		n, r := byPID[0][pid], s.sections[o.Section].of(o.First)
		if o.First {
			n = byPID[1][pid]
		}
		switch {
		case n == nil || r == nil:
		case file == "comm":
			n.Process, _, _ = strings.Cut(o.Text, "\n")
		case file == "cgroup":
			n.Container, n.Pod = containerOf(o.Text)
		default:
			if names[file] == "" {
				names[file] = "/proc/" + file
			}
			if n.sections == nil {
				n.sections = make(map[string]*readings, 16)
			}
			if n.sections[names[file]] == nil {
				n.sections[names[file]] = &readings{}
			}
			n.sections[names[file]].set(o)
			if !o.First {
				n.State = Known
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Namespace) int { return cmp.Compare(a.PID, b.PID) })
	taken := map[string]int{}
	for _, n := range all {
		if n.State != Known {
			continue
		}
		n.Key = "netns of " + cmp.Or(n.Pod, n.Container, n.Process) // a pod outlives its containers
		if taken[n.Key]++; taken[n.Key] > 1 {
			n.Key += " #" + strconv.Itoa(taken[n.Key])
		}
	}
	return all
}

// list returns one of the lists, of which the end may have been cut off.
func (s *Snapshot) list(first bool) []Namespace {
	r := s.sections[Netns.ID()].of(first)
	if r == nil || r.State != Known && r.State != Cut {
		return nil
	}
	list, _ := parseNetns(r.Text)
	return list.All
}

// Inside returns what is known from within a namespace: its own files, and what is the same
// for all. All else is Unread.
func (s *Snapshot) Inside(n *Namespace) *Snapshot {
	return &Snapshot{Capture: s.Capture, sections: n.sections, login: s, netns: n}
}

// Netns returns the namespace that the snapshot is of; nil for the login's own.
func (s *Snapshot) Netns() *Namespace { return s.netns }

// Inner says that a host is seen from within a namespace that is not the login's.
func Inner(h Host) bool { return h.snapshot().login != nil }

// Path is the section's ID as it stands in the capture, or what a person would type to see
// what it does not have.
func (s *Snapshot) Path(r Reader) string {
	read := r.read()
	switch {
	case s.netns == nil || read.whose() == AnyNetns:
		return r.ID()
	case read.whose() == EachNetns:
		return "/proc/" + strconv.Itoa(s.netns.PID) + strings.TrimPrefix(r.ID(), "/proc")
	case read.Command != "":
		return s.netns.Enter() + read.Command
	}
	return s.netns.Enter() + "cat " + read.File
}

// Enter is what comes before a command to run it inside: "nsenter -t 1234 -n ".
func (n *Namespace) Enter() string { return "nsenter -t " + strconv.Itoa(n.PID) + " -n " }

// Anywhere says that the section can be read of namespaces that are not the login's, or is
// the same for all.
func Anywhere(r Reader) bool { return r.read().whose() != OneNetns }
