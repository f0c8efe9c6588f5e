# What one does here. .ci/run calls these targets and nothing else.

TOOLS = go tool -modfile=.ci/tools.mod
FUZZTIME ?= 10s

.PHONY: run test race fuzz rehearse lint vulnerabilities interop simulation bench load tidy terraform check

run: ## the whole system on this machine
	go run ./localrun

test: ## the README's second command
	go test ./...

race: ## the same with the race detector, in random order
	go test -race -shuffle=on ./...

fuzz: ## every fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

rehearse: ## what Google's builder makes of the upload, under the tests of the root
	go test -count=1 -args -rehearse

lint: ## formatting, static checks, import rules
	$(TOOLS) golangci-lint run
	$(TOOLS) golangci-lint fmt --diff

vulnerabilities: ## known vulnerabilities in what we call
	.ci/vulnerabilities

interop: ## other people's OAuth clients against the running system
	testdata/interop/run

simulation: ## rotation of signing keys in thousands of small worlds, with its figures
	go test ./internal/keys -run J2_no_token -v

bench: ## ratios, measured in one run on one core
	go test ./internal/bench -run '^$$' -bench 'Floor|Clients|Issuers|DPoP|Opaque|Opening' -cpu 1 -benchtime 3000x
	go test ./internal/bench -run '^$$' -bench JWKS -cpu 1 -benchtime 30000x
	go test ./internal/bench -run '^$$' -bench Load -cpu 1 -benchtime 10x
	go test ./internal/bench -run '^$$' -bench ReplayMemory -cpu 1 -benchtime 300x
	go test ./internal/bench -run '^$$' -bench '^BenchmarkMemory' -cpu 1 -benchtime 1000000x -timeout 30m
	go test ./internal/bench -run '^$$' -bench ColdStart -benchtime 20x
	go test ./internal/bench -run '^$$' -bench Size -benchtime 1x
	go test ./internal/bench -run '^$$' -bench ProcessMemory -benchtime 100000x
	go test ./internal/bench -run '^$$' -bench Signatures -cpu 1 -benchtime 300x
	go test ./internal/bench -run '^$$' -bench OpenSSL -benchtime 100x
	go test ./internal/bench -run '^$$' -bench '^BenchmarkTokens' -cpu 1 -benchtime 4x

load: ## a function on one processor under load and under a flood, for two minutes: a process for each side
	go test ./internal/bench -run '^$$' -bench 'Traffic|Flood' -cpu 1 -benchtime 3x -timeout 5m

terraform: ## terraform/: format, validity, tests with mocked providers
	.ci/terraform

tidy: ## go.mod and go.sum say what is used, and all builds elsewhere
	go mod tidy -diff
	GOOS=darwin go build ./...
	GOOS=windows go build ./...

check: test race lint vulnerabilities ## before a change is handed in
