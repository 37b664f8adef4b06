# SPDX-License-Identifier: Apache-2.0
# make run    the demo: five simulated upstreams, the gateway in front of them, and curl lines to try
# make test   lint and all tests
# make fault  thousands of downloads, of every vendor, whose upstreams fail at random; SLUICE_FAULT_RUNS says how many of each
# make upgrade  one gateway takes over from another under 1 GiB streams
# make tsan   the transfer tests under the thread sanitizer; make asan: under the address sanitizer
# make conform  schemathesis, httplint and promtool over a running gateway; ARGS="--examples 500" asks more
# make soak   half an hour of mixed load with faults; memory and descriptors must stay flat
# make release  the build that is deployed; make order: notes anew which of its functions lie side by side
# make bench  a release build against nginx, haproxy and caddy; writes Tests/Benchmarks/RESULTS.md

.DEFAULT_GOAL := run
.PHONY: run test build release order check lint deps testdeps bench fault upgrade tsan asan conform soak

# Libraries that are linked, as pkg-config calls them, and the Debian packages that bring them.
LIBRARIES := sqlite3 libcurl libjwt zlib
PACKAGES := pkg-config libsqlite3-dev libcurl4-openssl-dev libjwt-dev zlib1g-dev
# What only tests need: a resolver that answers out of a file, openers of zips, certificates, a client of HTTP/2 (python3 besides).
TEST_PACKAGES := libnss-wrapper unzip libarchive-tools p7zip-full curl openssl

# A target may import only what Package.swift says: the layers of the architecture are enforced here.
BUILD := swift build --explicit-target-dependency-import-check error

ifneq ($(shell id -u),0)
SUDO := $(shell command -v sudo)
endif

run: deps
	$(BUILD) --product sluice-demo
	@exec .build/debug/sluice-demo $(ARGS)

# Two tests at once: more of them would starve each other on two cores, for many hold real servers to real time limits.
test: deps testdeps lint
	$(BUILD) --build-tests
	swift test --skip-build --experimental-maximum-parallelization-width 2

# A quick part of it is in `make test`.
fault: deps
	$(BUILD) --build-tests
	SLUICE_FAULT_RUNS=$${SLUICE_FAULT_RUNS:-1000} swift test --skip-build --no-parallel --filter FaultTests

# `make test` exchanges gateways under 64 MiB streams; this under 1 GiB.
upgrade: deps
	$(BUILD) --build-tests
	SLUICE_UPGRADE_BYTES=1073741824 swift test --skip-build --no-parallel --filter UpgradeTests

# Each in a build folder of its own: a cold build of everything, which takes a while.
tsan: deps
	$(BUILD) --build-tests --sanitize thread --scratch-path .build/tsan
	swift test --disable-xctest --skip-build --sanitize thread --scratch-path .build/tsan --no-parallel --filter "^TransferTests\\."

asan: deps
	$(BUILD) --build-tests --sanitize address --scratch-path .build/asan
	swift test --disable-xctest --skip-build --sanitize address --scratch-path .build/asan --no-parallel --filter "^TransferTests\\."

build: deps
	$(BUILD)

# Each function has a section of its own, and those that run lie side by side: what memory is resident, and how fast, hangs on it.
LINK := $(CURDIR)/deploy/link
LINKER := -z pack-relative-relocs --no-export-dynamic --symbol-ordering-file=$(LINK)/functions.txt --no-warn-symbol-ordering -T $(LINK)/local.ld
RELEASE := -c release --product sluice --static-swift-stdlib -Xswiftc -use-ld=lld \
	-Xswiftc -Xfrontend -Xswiftc -function-sections -Xcc -ffunction-sections -Xcc -fdata-sections $(addprefix -Xlinker ,$(LINKER))

release: deps
	$(BUILD) $(RELEASE)

# Notes anew which functions run; the next link, and every one after it, goes by that.
order: deps release
	@command -v valgrind >/dev/null || $(SUDO) apt-get install -q -y --no-install-recommends valgrind
	python3 Tests/Benchmarks/order.py --binary .build/release/sluice deploy/link/functions.txt
	rm .build/release/sluice

# ARGS="--rounds 1 --size 67108864" makes it short.
bench: deps release
	@for tool in nginx haproxy caddy wrk aria2c rclone zip; do command -v $$tool >/dev/null || missing="$$missing $${tool%c}"; done; \
	if [ -n "$$missing" ]; then $(SUDO) env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get install -q -y --no-install-recommends $$missing; fi
	python3 Tests/Benchmarks/bench.py --binary .build/release/sluice $(ARGS)

# ARGS="--minutes 2 --callers 8" makes it short.
soak: deps release
	python3 Tests/Benchmarks/soak.py $(ARGS)

# Its tools go into .build/conform: from PyPI, and promtool out of Debian's package.
conform: deps
	$(BUILD) --product sluice-demo
	@python3 -c 'import ensurepip' 2>/dev/null || $(SUDO) apt-get install -q -y --no-install-recommends python3-venv
	python3 Tests/Conformance/conform.py $(ARGS)

# Reads the configuration and makes one cheap call to each provider.
check: deps
	$(BUILD) --product sluice
	@exec .build/debug/sluice check $(ARGS)

lint:
	swift format lint --strict --parallel -r Sources Tests Package.swift

# Installs what is missing, and needs no network where nothing is.
deps:
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: https://www.swift.org/install/linux/" >&2; exit 1; }
	@pkg-config --exists $(LIBRARIES) 2>/dev/null || { \
		set -e; \
		if [ "$$(id -u)" -ne 0 ] && [ -z "$(SUDO)" ]; then \
			echo "Please install as root: apt-get install $(PACKAGES)" >&2; exit 1; fi; \
		$(SUDO) apt-get update -q; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES); }

testdeps:
	@dpkg -s $(TEST_PACKAGES) >/dev/null 2>&1 || { \
		set -e; \
		$(SUDO) apt-get update -q; \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(TEST_PACKAGES); }
