package remote

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch has stages end in time, late, and not at all.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var expired []Stage
		w := &watch{latest: time.Now().Add(time.Minute), expire: func(s Stage) { expired = append(expired, s) }}
		w.enter(TCP, 10*time.Second)
		time.Sleep(9 * time.Second)
		w.enter(Auth, 10*time.Second)
		time.Sleep(9 * time.Second)
		w.extend(10 * time.Second)
		time.Sleep(9 * time.Second)
		w.pause() // such as a bastion between its hosts
		time.Sleep(20 * time.Second)
		if len(expired) > 0 || w.now() != Auth {
			t.Fatalf("expired %v", expired)
		}
		w.enter(Run, time.Hour) // 13 s are left for all
		time.Sleep(14 * time.Second)
		w.enter(Drain, time.Second)
		time.Sleep(time.Minute)
		if len(expired) != 1 || expired[0] != Run || w.end() != Run {
			t.Errorf("expired %v", expired)
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
