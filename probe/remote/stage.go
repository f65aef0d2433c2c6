package remote

// A Stage is a part of a host's scan that has its own time limit. Its name is a contract:
// codes and JSON hold it.
type Stage string

// The stages, in the order a host goes through them.
const (
	Queue   Stage = "queue"   // for a slot and for its turn by the rate; has no limit
	Jump    Stage = "jump"    // until the host on the way is connected, which has stages of its own
	DNS     Stage = "dns"     // 5 s
	TCP     Stage = "tcp"     // Fleet.ConnectTimeout for these three together
	Banner  Stage = "banner"  // until the server's first line "SSH-2.0-…"
	Kex     Stage = "kex"     // until the host key was judged
	Auth    Stage = "auth"    // 20 s, prolonged once when the server names its methods; waiting for an agent is not counted
	Session Stage = "session" // 10 s
	Exec    Stage = "exec"    // 10 s
	Begin   Stage = "begin"   // 20 s and the window: a script that prints little prints at its end
	Run     Stage = "run"     // 60 s and the window, and never 20 s and the window without a byte
	Drain   Stage = "drain"   // 2 s; what was read is complete
)
