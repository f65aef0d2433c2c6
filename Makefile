# make demo: scan the embedded demo fleet.  make test: every test that needs no root and no network.
.PHONY: build demo test docs

build:
	go build -o fleetdrop ./cmd/fleetdrop

demo: build
	./fleetdrop demo

# testdata holds Go packages too, and ./... does not look into it.
test:
	go test ./... ./testdata ./testdata/convert

# What is generated from the catalogue.
docs: build
	./fleetdrop rules --docs docs/rules
