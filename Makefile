# make demo: scan the embedded demo fleet.  make test: every test that needs no root and no network.
# make lab: hosts that really lose packets, and what fleetdrop says of them (needs root).
.PHONY: build demo test lab docs pictures

build:
	go build -o fleetdrop ./cmd/fleetdrop

lab: build
	go build -o fleetlab ./cmd/fleetlab
	./fleetlab run

demo: build
	./fleetdrop demo

# The pictures of the README, from a scan of the demo's fleet.
pictures: build
	go run ./testdata/pictures ./fleetdrop docs

# testdata holds Go packages too, and ./... does not look into it.
test:
	go test ./... ./testdata ./testdata/convert ./testdata/pictures

# What is generated from the catalogue.
docs: build
	./fleetdrop rules --docs docs
