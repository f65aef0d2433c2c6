package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// A prompter asks a person, on the terminal and never on the standard streams: these may
// be a hosts file and a report.
type prompter struct{ c *console }

func (p prompter) password() (string, error) {
	secret, err := p.ask("Password for the hosts: ")
	if err != nil {
		return "", fmt.Errorf("--ask-password: %w", err)
	}
	return string(secret), nil
}

func (p prompter) passphrase(file string) ([]byte, error) {
	return p.ask(fmt.Sprintf("Passphrase for %q: ", file))
}

func (p prompter) ask(question string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("there is no terminal to ask on; give the key to ssh-agent with ssh-add")
	}
	defer tty.Close()
	fmt.Fprint(tty, question)
	defer fmt.Fprintln(tty)
	return term.ReadPassword(int(tty.Fd()))
}
