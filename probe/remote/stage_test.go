package remote

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch has stages end in time, late, and not at all.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expired := make(chan Stage, 2)
		w := &watch{latest: time.Now().Add(time.Minute), expire: func(s Stage) { expired <- s }}
		w.enter(TCP, 10*time.Second)
		time.Sleep(9 * time.Second)
		w.enter(Auth, 10*time.Second)
		time.Sleep(9 * time.Second)
		w.extend(10 * time.Second)
		time.Sleep(9 * time.Second)
		w.pause() // such as a bastion between its hosts
		time.Sleep(20 * time.Second)
		if len(expired) > 0 || w.now() != Auth {
			t.Fatalf("%d stages expired", len(expired))
		}
		w.enter(Run, time.Hour) // 13 s are left for all
		time.Sleep(14 * time.Second)
		w.enter(Drain, time.Second)
		time.Sleep(time.Minute)
		if s := <-expired; s != Run || len(expired) > 0 || w.end() != Run {
			t.Errorf("%s expired", s)
		}
	})
}

// TestWatchEnds has nothing expire that is over.
func TestWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{latest: time.Now().Add(time.Hour), expire: func(s Stage) { t.Errorf("%s expired", s) }}
		w.enter(Run, time.Second)
		if s := w.end(); s != "" {
			t.Errorf("%s expired", s)
		}
		w.enter(Drain, time.Second)
		time.Sleep(time.Minute)
	})
}
