package report

import (
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// Namespaces says what became of the network namespaces that a host has beside the login's,
// such as those of its pods. What rules find there are findings of the host.
type Namespaces struct {
	State  string `json:"state"`  // of the list of them: "denied" where the processes of others are hidden
	Seen   int    `json:"seen"`   // read, or not
	Read   int    `json:"read"`   //
	Unread int    `json:"unread"` // there were too many
	Ended  int    `json:"ended"`  // in the window
	Denied int    `json:"denied"` // processes that the login may not look at: theirs may be more
	Rules  int    `json:"rules"`  // of those that were asked, how many can judge them
}

// A Netns is a network namespace that is not the login's.
type Netns struct {
	PID       int    `json:"pid"` // of the process that stands for it
	Process   string `json:"process,omitempty"`
	Container string `json:"container,omitempty"` // "docker 0f3a91c2b7d4"
	Pod       string `json:"pod,omitempty"`       // its UID
}

// namespaces returns what became of them; nil if nobody looked, as in an old capture.
func namespaces(s *probe.Snapshot, rules []*drop.Rule) *Namespaces {
	list := probe.Netns.In(s)
	if list.State == probe.Unread {
		return nil
	}
	all, _ := list.Get()
	n := &Namespaces{State: list.State.String(), Denied: all.Denied}
	for _, ns := range s.Namespaces() {
		n.Seen++
		switch ns.State {
		case probe.Known:
			n.Read++
		case probe.Absent:
			n.Ended++
		default:
			n.Unread++
		}
	}
	for _, r := range rules {
		if r.Inside() {
			n.Rules++
		}
	}
	return n
}

func netns(n *probe.Namespace) *Netns {
	if n == nil {
		return nil
	}
	return &Netns{n.PID, clean(n.Process, maxName), clean(n.Container, maxName), clean(n.Pod, maxName)}
}

// A netnsSum is what is not known of the network namespaces of a fleet.
type netnsSum struct {
	seen, unread, ended, denied int
	hidden                      int // hosts that hide all of them
	hosts                       struct{ unread, ended, denied int }
}

func (s *netnsSum) add(n *Namespaces) {
	if n == nil {
		return
	}
	s.seen += n.Seen
	for _, sum := range []struct{ n, total, hosts *int }{
		{&n.Unread, &s.unread, &s.hosts.unread}, {&n.Ended, &s.ended, &s.hosts.ended}, {&n.Denied, &s.denied, &s.hosts.denied},
	} {
		if *sum.n > 0 {
			*sum.total += *sum.n
			*sum.hosts++
		}
	}
	if n.State == probe.Denied.String() {
		s.hidden++
	}
}

// says tells what is not known, each in a sentence.
func (s *netnsSum) says() (said []string) {
	if s.hidden > 0 {
		said = append(said, fmt.Sprintf("what pods and containers lose on %s: /proc hides the processes of others (hidepid), "+
			"and with them their network namespaces", count(s.hidden, "host")))
	}
	if s.unread > 0 {
		said = append(said, fmt.Sprintf("%d of %s on %s: on each the 64 that received most are read",
			s.unread, count(s.seen, "other network namespace"), count(s.hosts.unread, "host")))
	}
	if s.ended > 0 {
		said = append(said, fmt.Sprintf("%s on %s: ended in the window", count(s.ended, "other network namespace"), count(s.hosts.ended, "host")))
	}
	if s.denied > 0 {
		said = append(said, fmt.Sprintf("the network namespaces of %d processes on %s: this login may not look at them",
			s.denied, count(s.hosts.denied, "host")))
	}
	return said
}

// says tells how many were read; nothing where there are none.
func (n *Namespaces) says() string {
	if n == nil || n.Seen == 0 {
		return n.notRead()
	}
	said := fmt.Sprintf("%d of %s read", n.Read, count(n.Seen, "other network namespace"))
	if n.Denied > 0 {
		said += fmt.Sprintf(", those of %d processes denied", n.Denied)
	}
	return said
}

// notRead tells of a host what is not known of them; nothing where all is.
func (n *Namespaces) notRead() string {
	var said []string
	switch {
	case n == nil:
		return ""
	case n.State == probe.Denied.String():
		return "all other network namespaces are hidden (hidepid)"
	case n.Read < n.Seen:
		said = append(said, fmt.Sprintf("%d of %s", n.Seen-n.Read, count(n.Seen, "other network namespace")))
	}
	if n.Denied > 0 {
		said = append(said, fmt.Sprintf("the network namespaces of %d processes", n.Denied))
	}
	return strings.Join(said, ", ")
}
