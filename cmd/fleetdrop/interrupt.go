package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

var errInterrupted = errors.New("interrupted")

// interrupts gives a context that the first SIGINT or SIGTERM cancels, and a channel that
// the second one closes; the third ends the program as it would any other.
func interrupts(parent context.Context, c *console) (ctx context.Context, abort <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals, second, ended := make(chan os.Signal, 3), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			fmt.Fprintln(c.stderr, "\ninterrupted: what was gathered is reported and saved; once more to end at once")
			cancel(errInterrupted)
		case <-ended:
			return
		}
		select {
		case <-signals:
			close(second)
			signal.Stop(signals)
		case <-ended:
		}
	}()
	return ctx, second, func() {
		signal.Stop(signals)
		close(ended)
		cancel(nil)
	}
}
