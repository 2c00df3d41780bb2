# Shortcuts; "make help" lists them. Everything here needs Go only, but for e2e-loss and
# e2e-serial.
.DEFAULT_GOAL := help
.PHONY: help hostile hostile-checks fairness check test race scribble vet lint fmt fuzz-corpora fuzz e2e-loss e2e-serial serial-line examples custom-carrier build demo ci

# Tools are pinned in tools/go.mod and run from there.
TOOL = go tool -modfile=tools/go.mod
GOFILES = git ls-files --cached --others --exclude-standard -- '*.go' ':!:**/testdata/**'

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

check: vet test lint ## what every commit must pass: vet, tests, linters

test: ## all tests
	go test ./...

race: ## all tests under the race detector
	go test -race ./...

scribble: ## tests of the router that scribble over lent memory when it is given back
	go test -tags scribble ./router/...

vet: ## go vet
	go vet ./...

lint: ## staticcheck, and gofumpt has nothing to change
	$(TOOL) staticcheck ./...
	@test -z "$$($(GOFILES) | xargs $(TOOL) gofumpt -l | tee /dev/stderr)" || { echo 'run "make fmt"'; exit 1; }

fmt: ## format with gofumpt
	$(GOFILES) | xargs $(TOOL) gofumpt -w

fuzz-corpora: ## run every fuzz target over its corpus
	go test -run '^Fuzz' ./...

fuzz: ## fuzz each target for a few seconds (FUZZTIME=3s)
	.ci/fuzz $(or $(FUZZTIME),3s)

e2e-loss: ## events over tls, quic and dtls through a network that loses packets (Linux, root, iproute2)
	go test -tags lossy -count=1 -parallel 5 -run '^TestLossyPath$$' -v ./e2e

serial-line: ## measure the goals of the serial line, in some minutes of real time (Linux)
	.ci/serial-line

e2e-serial: ## emulated boards with the client in C, at a serial line of a router (installs QEMU and compilers)
	@.ci/serial-tools
	@$(or $(TEST),go test -v) -tags boards -count=1 -timeout 8m -run '^TestBoard' ./e2e

hostile: ## strangers against a router on every carrier with honest clients, in full (ENVELOPES=10000000)
	go test -count=1 -timeout 3h -v ./e2e/hostile -args -envelopes $(or $(ENVELOPES),10000000) -crowd 5000 -late $(or $(LATE),10s)
	GOSIG_SCALE=10000 GOSIG_WITHIN=$(or $(WITHIN),3s) go test -count=1 -timeout 10m -v -run '^TestRevocationAtScale$$' ./router

hostile-checks: ## leave out one check of the router at a time: do the strangers notice?
	go test -count=1 -timeout 30m -tags missingcheck -run '^TestEveryCheckIsNoticed$$' -v ./e2e/hostile

fairness: ## an honest pair beside another principal that does what it likes: their p99, in some minutes (Linux, root)
	go test -count=1 -timeout 30m -run '^TestFairness$$' ./e2e/fairness -args -apart -limits $(or $(LIMITS),default) -bound $(or $(BOUND),3) -window $(or $(WINDOW),3s)

examples: custom-carrier ## run the example programs and compare what they print
	go test -count=1 ./examples/...

custom-carrier: ## vet and test the example that is a module of its own
	cd examples/customcarrier && go vet ./... && go test ./...

build: ## the gosig binary, static, into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/gosig ./cmd/gosig

demo: ## a router with something happening on it
	go run ./cmd/gosig demo --for 10s

ci: ## everything .ci/run does, in its order
	.ci/run
